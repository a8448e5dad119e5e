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

                    Others(bf16, "bf16", draft, "enabled");

                    break;
                case "zero_optimization" when value is JsonObject zero:
                    ReadZero(zero, draft);
                    break;
                case "steps_per_print":
                    Set(ImportDraft.Section(draft.Root, "log"), "interval", draft.Given(source, key, key, "log.interval stays 10"));
                    break;
                case "tensorboard" when value is JsonObject board:
                    ImportDraft.Section(draft.Root, "log")["tensorboard"] = IsEnabled(board, "tensorboard", draft);
                    Others(board, "tensorboard", draft, "enabled");
                    break;
                case "zero_allow_untested_optimizer" or "zero_force_ds_cpu_optimizer":
                    draft.Note($"{key} was left out: every optimizer is sharded and tested here.");
                    break;
                case "activation_checkpointing":
                    draft.Note("activation_checkpointing was left out: graph.recompute computes activations again, by layers or as much as a memory budget needs.");
                    break;
                case "flops_profiler" or "wall_clock_breakdown" or "comms_logger":
                    draft.Note($"{key} has no counterpart and was left out; log.trace writes when each rank computes and communicates.");
                    break;
                default:
                    draft.HasNoCounterpart(key);
                    break;
            }
        }

        // After the optimizer, whose rate the schedule's highest is compared with.
        if (source["scheduler"] is not null and not JsonObject)
        {
            draft.Note("scheduler is no object and was left out.");
        }
        else if (source["scheduler"] is JsonObject scheduler)
        {
            DeepSpeedSchedule.Read(scheduler, accumulation, draft);
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
            "MUON" => "Muon",
            "SGD" => "SGD",
            "RMSPROP" => "RMSprop",
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
                case "adam_w_mode" or "torch_adam":
                case "bias_correction" when parameters[key]?.ToString() != "false":
                    break;
                case "muon_lr":
                    var rate = draft.Given(parameters, key, "optimizer.params.muon_lr", "optim_wrapper.optimizer.lr is for both halves");
                    Set(draft.Optimizer, "lr", rate);
                    if (rate is not null)
                    {
                        draft.Note("optimizer.params.muon_lr became optim_wrapper.optimizer.lr, which is for both halves; give what AdamW updates another by lr or lr_mult in optim_wrapper.paramwise_cfg.groups.");
                    }

                    break;
                case "ns_steps" or "nesterov" when draft.Optimizer["type"]?.ToString() == "Muon":
                    Set(draft.Optimizer, key, draft.Given(parameters, key, $"optimizer.params.{key}", "it keeps its default"));
                    break;
                case "adam_lr":
                    draft.Note("optimizer.params.adam_lr was left out: give what AdamW updates a rate of its own by lr in optim_wrapper.paramwise_cfg.groups.");
                    break;
                default:
                    draft.HasNoCounterpart($"optimizer.params.{key}");
                    break;
            }
        }

        Others(optimizer, "optimizer", draft, "type", "params");
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

        Others(fp16, "fp16", draft, "enabled", "loss_scale", "initial_scale_power", "loss_scale_window");
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

    private static void Others(JsonObject section, string name, ImportDraft draft, params ReadOnlySpan<string> known)
    {
        foreach (var (key, _) in section)
        {
            if (!known.Contains(key))
            {
                draft.HasNoCounterpart($"{name}.{key}");
            }
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
