using System.Text.Json;
using System.Text.Json.Nodes;

namespace OrtZero.Training.Internal;

/// <summary>Reads a ds_config.json.</summary>
internal static class DeepSpeedImport
{
    public static void Read(JsonObject source, ImportDraft draft)
    {
        var accumulation = Count(source, "gradient_accumulation_steps", "optim_wrapper.accumulative_counts stays 1", draft) ?? 1;
        if (accumulation > 1)
        {
            draft.Wrapper["accumulative_counts"] = accumulation;
        }

        foreach (var (key, value) in source)
        {
            switch (key)
            {
                case "gradient_accumulation_steps":
                    break;
                case "train_micro_batch_size_per_gpu":
                    Set(draft.Root, "micro_batch_size", draft.Given(source, key, key, "set micro_batch_size"));
                    break;
                case "train_batch_size":
                    draft.Note("train_batch_size was left out: here it is micro_batch_size x accumulative_counts x the number of ranks.");
                    break;
                case "gradient_clipping":
                    ReadClipping(source, draft);
                    break;
                case "optimizer" when value is JsonObject optimizer:
                    ReadOptimizer(optimizer, draft);
                    break;
                case "scheduler":
                    break;
                case "fp16" when value is JsonObject fp16:
                    ReadHalf(fp16, draft);
                    break;
                case "bf16" when value is JsonObject bf16:
                    if (IsEnabled(bf16, "bf16", draft))
                    {
                        draft.Wrapper["dtype"] = "bfloat16";
                    }

                    break;
                case "zero_optimization" when value is JsonObject zero:
                    ReadZero(zero, draft);
                    break;
                case "steps_per_print":
                    Set(ImportDraft.Section(draft.Root, "log"), "interval", draft.Given(source, key, key, "log.interval stays 10"));
                    break;
                case "tensorboard" when value is JsonObject board:
                    ImportDraft.Section(draft.Root, "log")["tensorboard"] = IsEnabled(board, "tensorboard", draft);
                    break;
                case "zero_allow_untested_optimizer" or "zero_force_ds_cpu_optimizer":
                    draft.Note($"{key} was left out: every optimizer is sharded and tested here.");
                    break;
                default:
                    draft.HasNoCounterpart(key);
                    break;
            }
        }

        // After the optimizer, whose rate the schedule's highest is compared with.
        if (source["scheduler"] is JsonObject scheduler)
        {
            ReadScheduler(scheduler, accumulation, draft);
        }
    }

    private static void ReadClipping(JsonObject source, ImportDraft draft)
    {
        var norm = draft.Given(source, "gradient_clipping", "gradient_clipping", "clip_grad.max_norm was set to 1, as XTuner and Hugging Face do") ?? 1.0;
        if (ImportDraft.Number(norm) is not 0)
        {
            draft.Wrapper["clip_grad"] = new JsonObject { ["max_norm"] = norm };
        }
    }

    private static void ReadOptimizer(JsonObject optimizer, ImportDraft draft)
    {
        var parameters = optimizer["params"] as JsonObject ?? [];
        var isDecoupled = parameters["adam_w_mode"]?.ToString() != "false";
        draft.Optimizer["type"] = optimizer["type"]?.ToString().ToUpperInvariant() switch
        {
            "ADAMW" => "AdamW",
            "ADAM" => isDecoupled ? "AdamW" : "Adam",
            "LAMB" => "LAMB",
            "LION" => "Lion",
            "ADAGRAD" => "Adagrad",
            var other => other,
        };
        if (optimizer["type"]?.ToString() == "Adam" && isDecoupled)
        {
            draft.Note("DeepSpeed's \"Adam\" decays weights as AdamW does unless adam_w_mode is false: it became AdamW.");
        }

        foreach (var (key, _) in parameters)
        {
            switch (key)
            {
                case "lr" or "betas" or "eps" or "weight_decay" or "momentum":
                    Set(draft.Optimizer, key, draft.Given(parameters, key, $"optimizer.params.{key}", $"set optim_wrapper.optimizer.{key}"));
                    break;
                case "adam_w_mode" or "torch_adam" or "bias_correction":
                    break;
                default:
                    draft.HasNoCounterpart($"optimizer.params.{key}");
                    break;
            }
        }
    }

    private static void ReadScheduler(JsonObject scheduler, int accumulation, ImportDraft draft)
    {
        var type = scheduler["type"]?.ToString();
        if (type is not ("WarmupLR" or "WarmupDecayLR" or "WarmupCosineLR"))
        {
            draft.Note($"scheduler {type} has no counterpart: choose a param_scheduler such as OneCycleLR or WSD.");
            return;
        }

        var parameters = scheduler["params"] as JsonObject ?? [];
        var entry = new JsonObject { ["type"] = type, ["by_epoch"] = false };
        foreach (var (key, _) in parameters)
        {
            var value = draft.Given(parameters, key, $"scheduler.params.{key}", "it was left out");
            switch (key)
            {
                // DeepSpeed counts updates, MMEngine and this program micro-batches.
                case "warmup_num_steps" or "total_num_steps" when ImportDraft.Number(value) is { } steps:
                    entry[key] = steps * accumulation;
                    break;
                case "warmup_type" or "warmup_min_ratio" or "cos_min_ratio":
                    Set(entry, key, value);
                    break;
                case "warmup_max_lr" when ImportDraft.Number(value) is { } highest:
                    if (ImportDraft.Number(draft.Optimizer["lr"]) is { } rate && rate != highest)
                    {
                        draft.Note($"scheduler.params.warmup_max_lr overwrites the optimizer's rate in DeepSpeed: optim_wrapper.optimizer.lr became {SchedulerWindow.Text(highest)}.");
                    }

                    draft.Optimizer["lr"] = highest;
                    break;
                case "warmup_min_lr" or "warmup_num_steps" or "total_num_steps" or "warmup_max_lr":
                    break;
                default:
                    draft.HasNoCounterpart($"scheduler.params.{key}");
                    break;
            }
        }

        if (ImportDraft.Number(parameters["warmup_min_lr"]) is > 0 and var lowest && ImportDraft.Number(draft.Optimizer["lr"]) is > 0 and var peak)
        {
            entry["warmup_min_ratio"] = Math.Min(1, lowest / peak);
            draft.Note($"scheduler.params.warmup_min_lr became the fraction {SchedulerWindow.Text(Math.Min(1, lowest / peak))} of every group's own rate.");
        }

        if (ImportDraft.Number(entry["total_num_steps"]) is { } total)
        {
            entry.Remove("total_num_steps");
            ImportDraft.Section(draft.Root, "train_cfg")["max_iters"] = total;
            draft.Note($"total_num_steps became train_cfg.max_iters {SchedulerWindow.Text(total)}: the schedule ends when training does.");
        }

        if (accumulation > 1)
        {
            draft.Note($"Steps of the scheduler were multiplied by {accumulation}: an iteration here is a micro-batch, a step of DeepSpeed an update.");
        }

        draft.Root["param_scheduler"] = new JsonArray(entry);
    }

    private static void ReadHalf(JsonObject fp16, ImportDraft draft)
    {
        if (!IsEnabled(fp16, "fp16", draft))
        {
            return;
        }

        draft.Wrapper["type"] = "AmpOptimWrapper";
        draft.Wrapper["dtype"] = "float16";
        if (ImportDraft.Number(fp16["loss_scale"]) is > 0 and var scale)
        {
            draft.Wrapper["loss_scale"] = scale;
        }
        else
        {
            var scaler = new JsonObject { ["init_scale"] = Math.Pow(2, ImportDraft.Number(fp16["initial_scale_power"]) ?? 16) };
            Set(scaler, "growth_interval", fp16["loss_scale_window"]?.DeepClone());
            draft.Wrapper["loss_scale"] = scaler;
        }

        foreach (var key in fp16.Select(entry => entry.Key).Except(["enabled", "loss_scale", "initial_scale_power", "loss_scale_window"]))
        {
            draft.HasNoCounterpart($"fp16.{key}");
        }
    }

    private static void ReadZero(JsonObject zero, ImportDraft draft)
    {
        var section = ImportDraft.Section(draft.Root, "zero_optimization");
        var unused = DeepSpeedKeys.Of(typeof(ZeroOptimizationSection));
        foreach (var (key, _) in zero)
        {
            if (unused.GetValueOrDefault(key) is { } why)
            {
                draft.Note($"zero_optimization.{key} was left out: {why}.");
                continue;
            }

            Set(section, key, draft.Given(zero, key, $"zero_optimization.{key}", "it keeps its default"));
        }
    }

    private static bool IsEnabled(JsonObject section, string name, ImportDraft draft)
    {
        var enabled = draft.Given(section, "enabled", $"{name}.enabled", "it was taken for false");
        return enabled?.GetValueKind() == JsonValueKind.True;
    }

    private static int? Count(JsonObject source, string key, string otherwise, ImportDraft draft) =>
        ImportDraft.Number(draft.Given(source, key, key, otherwise)) is >= 1 and <= int.MaxValue and var count ? (int)count : null;

    private static void Set(JsonObject section, string key, JsonNode? value)
    {
        if (value is not null)
        {
            section[key] = value;
        }
    }
}
