using System.Collections.Frozen;

namespace OrtZero.Training.Internal;

/// <summary>Refuses a key that belongs to another schedule: MMEngine's constructors do not take it either.</summary>
internal static class UnusedKeys
{
    private static readonly FrozenDictionary<SchedulerKind, string[]> s_keys = new Dictionary<SchedulerKind, string[]>
    {
        [SchedulerKind.LinearLR] = ["start_factor", "end_factor"],
        [SchedulerKind.ConstantLR] = ["factor"],
        [SchedulerKind.ExponentialLR] = ["gamma"],
        [SchedulerKind.StepLR] = ["step_size", "gamma"],
        [SchedulerKind.MultiStepLR] = ["milestones", "gamma"],
        [SchedulerKind.CosineAnnealingLR] = ["T_max", "eta_min", "eta_min_ratio"],
        [SchedulerKind.CosineRestartLR] = ["periods", "restart_weights", "eta_min", "eta_min_ratio"],
        [SchedulerKind.PolyLR] = ["eta_min", "eta_min_ratio", "power"],
        [SchedulerKind.OneCycleLR] =
            ["eta_max", "total_steps", "pct_start", "anneal_strategy", "div_factor", "final_div_factor", "three_phase"],
        [SchedulerKind.ReduceOnPlateauLR] =
            ["monitor", "rule", "factor", "patience", "threshold", "threshold_rule", "cooldown", "min_value", "eps"],
        [SchedulerKind.WarmupLR] = ["warmup_num_steps", "warmup_type", "warmup_min_ratio"],
        [SchedulerKind.WarmupDecayLR] = ["total_num_steps", "warmup_num_steps", "warmup_type", "warmup_min_ratio"],
        [SchedulerKind.WarmupCosineLR] = ["total_num_steps", "warmup_num_steps", "warmup_type", "warmup_min_ratio", "cos_min_ratio"],
        [SchedulerKind.WSD] = ["warmup_steps", "decay_steps", "decay_type", "eta_min_ratio"],
    }.ToFrozenDictionary();

    public static void Check(SchedulerOptions options, SchedulerWindow window)
    {
        if (options.ParamName is not null && !SchedulerNames.IsGeneric(options.Type))
        {
            throw new ScheduleException($"{window.Place} has no param_name, its type says what it changes: remove it, or use a type that ends in ParamScheduler.");
        }

        if (s_keys.TryGetValue(SchedulerNames.Curve(options.Type), out var keys) && Given(options).FirstOrDefault(key => !keys.Contains(key)) is { } extra)
        {
            throw new ScheduleException($"{window.Place} has no {extra}; its own keys are {string.Join(", ", keys)}.");
        }
    }

    private static IEnumerable<string> Given(SchedulerOptions options)
    {
        (string Key, object? Value)[] values =
        [
            ("start_factor", options.StartFactor), ("end_factor", options.EndFactor), ("factor", options.Factor), ("gamma", options.Gamma),
            ("step_size", options.StepSize), ("milestones", options.Milestones), ("T_max", options.TMax), ("eta_min", options.EtaMin),
            ("eta_min_ratio", options.EtaMinRatio), ("power", options.Power), ("periods", options.Periods),
            ("restart_weights", options.RestartWeights), ("eta_max", options.EtaMax), ("total_steps", options.TotalSteps),
            ("pct_start", options.PctStart), ("anneal_strategy", options.AnnealStrategy), ("div_factor", options.DivFactor),
            ("final_div_factor", options.FinalDivFactor), ("three_phase", options.ThreePhase), ("monitor", options.Monitor),
            ("rule", options.Rule), ("patience", options.Patience), ("threshold", options.Threshold),
            ("threshold_rule", options.ThresholdRule), ("cooldown", options.Cooldown), ("min_value", options.MinValue), ("eps", options.Eps),
            ("warmup_num_steps", options.WarmupNumSteps), ("warmup_type", options.WarmupType), ("warmup_min_ratio", options.WarmupMinRatio),
            ("total_num_steps", options.TotalNumSteps), ("cos_min_ratio", options.CosMinRatio), ("warmup_steps", options.WarmupSteps),
            ("decay_steps", options.DecaySteps), ("decay_type", options.DecayType),
        ];
        return values.Where(value => value.Value is not null).Select(value => value.Key);
    }
}
