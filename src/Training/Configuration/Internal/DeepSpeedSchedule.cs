using System.Text.Json.Nodes;

namespace OrtZero.Training.Internal;

/// <summary>Reads the <c>scheduler</c> section of a ds_config.json.</summary>
/// <remarks>DeepSpeed's schedulers step once per update; here an iteration is a micro-batch, so their steps are multiplied by the
/// accumulation.</remarks>
internal static class DeepSpeedSchedule
{
    // A range test goes on for as long as somebody lets it; here it needs an end.
    private const double RangeTestSteps = 10;

    internal static void Read(JsonObject scheduler, int accumulation, ImportDraft draft)
    {
        var type = scheduler["type"]?.ToString();
        var parameters = scheduler["params"] as JsonObject ?? [];
        switch (type)
        {
            case "WarmupLR" or "WarmupDecayLR" or "WarmupCosineLR":
                ReadWarmup(type, parameters, accumulation, draft);
                break;
            case "OneCycle":
                ReadOneCycle(parameters, accumulation, draft);
                break;
            case "LRRangeTest":
                ReadRangeTest(parameters, accumulation, draft);
                break;
            default:
                draft.Note($"scheduler {type} has no counterpart: choose a param_scheduler such as OneCycleLR or WSD.");
                break;
        }

        foreach (var (key, _) in scheduler.Where(entry => entry.Key is not ("type" or "params")))
        {
            draft.HasNoCounterpart($"scheduler.{key}");
        }

        if (accumulation > 1 && draft.Root["param_scheduler"] is not null)
        {
            draft.Note($"Steps of the scheduler were multiplied by {accumulation}: an iteration here is a micro-batch, a step of DeepSpeed an update.");
        }
    }

    private static void ReadWarmup(string type, JsonObject parameters, int accumulation, ImportDraft draft)
    {
        var entry = new JsonObject { ["type"] = type, ["by_epoch"] = false };
        foreach (var (key, _) in parameters)
        {
            var value = draft.Given(parameters, key, $"scheduler.params.{key}", "it was left out");
            switch (key)
            {
                case "warmup_num_steps" or "total_num_steps" when ImportDraft.Number(value) is { } steps:
                    entry[key] = steps * accumulation;
                    break;
                case "warmup_type" or "warmup_min_ratio" or "cos_min_ratio":
                    if (value is not null)
                    {
                        entry[key] = value;
                    }

                    break;
                case "warmup_max_lr" when ImportDraft.Number(value) is { } highest:
                    SetRate(draft, "warmup_max_lr", highest);
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

        draft.Root["param_scheduler"] = new JsonArray(entry);
    }

    // Up in a line, down in a line; the update after k others has the share k / first, so the highest is reached at k = first.
    private static void ReadOneCycle(JsonObject parameters, int accumulation, ImportDraft draft)
    {
        var lowest = NumberOf(parameters, "cycle_min_lr", draft) ?? 1e-3;
        var highest = NumberOf(parameters, "cycle_max_lr", draft) ?? 1e-2;
        var first = Math.Round((NumberOf(parameters, "cycle_first_step_size", draft) ?? 2000) * accumulation);
        var second = Math.Round((NumberOf(parameters, "cycle_second_step_size", draft) * accumulation) ?? first);
        if (!(lowest >= 0 && highest > 0 && lowest <= highest && first >= 1 && second >= 1 && first + second < long.MaxValue))
        {
            draft.Note("scheduler OneCycle was left out: it needs cycle_min_lr up to cycle_max_lr, which must be positive, and step sizes of at least 1.");
            return;
        }

        SetRate(draft, "cycle_max_lr", highest);
        var share = lowest / highest;
        draft.Root["param_scheduler"] = new JsonArray(
            Line(Math.Max(share, 1e-12), 1, 0, first + 1), Line(1, share, first, first + second + 1));
        draft.Note($"scheduler OneCycle became two LinearLR: up to every group's own rate in {SchedulerWindow.Text(first)} iterations, down to {SchedulerWindow.Text(share)} of it in {SchedulerWindow.Text(second)}.");
        if (NumberOf(parameters, "decay_lr_rate", draft) is > 0)
        {
            draft.Note("scheduler.params.decay_lr_rate has no counterpart and was left out: after the cycle the rate stays; add a schedule such as ExponentialLR behind it.");
        }

        if (parameters["cycle_momentum"]?.ToString() != "false")
        {
            draft.Note("scheduler.params.cycle_momentum, which is true unless it is given, has no counterpart and was left out: the momentum stays; schedules such as CosineAnnealingMomentum change it.");
        }

        foreach (var (key, _) in parameters)
        {
            if (key is not ("cycle_min_lr" or "cycle_max_lr" or "cycle_first_step_size" or "cycle_second_step_size" or "decay_lr_rate" or "cycle_momentum"))
            {
                draft.HasNoCounterpart($"scheduler.params.{key}");
            }
        }
    }

    // lr = min · (1 + rate · step / size), without an end.
    private static void ReadRangeTest(JsonObject parameters, int accumulation, ImportDraft draft)
    {
        var lowest = NumberOf(parameters, "lr_range_test_min_lr", draft) ?? 1e-3;
        var size = (NumberOf(parameters, "lr_range_test_step_size", draft) ?? 2000) * accumulation;
        var rate = NumberOf(parameters, "lr_range_test_step_rate", draft) ?? 1;
        var length = Math.Round(RangeTestSteps * size);
        if (!(lowest > 0 && rate > 0 && length is >= 2 and < int.MaxValue))
        {
            draft.Note("scheduler LRRangeTest was left out: its least rate, step size and step rate must be positive.");
            return;
        }

        var highest = lowest * (1 + (rate * length / size));
        SetRate(draft, "lr_range_test_min_lr", highest);
        draft.Root["param_scheduler"] = new JsonArray(Line(lowest / highest, 1, 0, length + 1));
        ImportDraft.Section(draft.Root, "train_cfg")["max_iters"] = length;
        draft.Note($"scheduler LRRangeTest, which has no end, became a LinearLR over {RangeTestSteps} step sizes, train_cfg.max_iters {SchedulerWindow.Text(length)}, from {SchedulerWindow.Text(lowest)} to optim_wrapper.optimizer.lr {SchedulerWindow.Text(highest)}: change all three for a wider test.");
        foreach (var (key, value) in parameters)
        {
            if (key is not ("lr_range_test_min_lr" or "lr_range_test_step_size" or "lr_range_test_step_rate") && !(key == "lr_range_test_staircase" && value?.ToString() == "false"))
            {
                draft.HasNoCounterpart($"scheduler.params.{key}");
            }
        }
    }

    private static JsonObject Line(double start, double end, double begin, double stop) => new()
    {
        ["type"] = "LinearLR", ["by_epoch"] = false, ["start_factor"] = start, ["end_factor"] = end, ["begin"] = begin, ["end"] = stop,
    };

    private static double? NumberOf(JsonObject parameters, string key, ImportDraft draft) =>
        ImportDraft.Number(draft.Given(parameters, key, $"scheduler.params.{key}", "DeepSpeed's default was taken"));

    private static void SetRate(ImportDraft draft, string key, double highest)
    {
        if (ImportDraft.Number(draft.Optimizer["lr"]) is { } rate && rate != highest)
        {
            draft.Note($"scheduler.params.{key} overwrites the optimizer's rate in DeepSpeed: optim_wrapper.optimizer.lr became {SchedulerWindow.Text(highest)}.");
        }

        draft.Optimizer["lr"] = highest;
    }
}
