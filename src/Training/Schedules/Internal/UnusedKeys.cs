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
        [SchedulerKind.PolyLR] = ["eta_min", "power"],
        [SchedulerKind.OneCycleLR] =
            ["eta_max", "total_steps", "pct_start", "anneal_strategy", "div_factor", "final_div_factor", "three_phase"],
        [SchedulerKind.ReduceOnPlateauLR] =
            ["monitor", "rule", "factor", "patience", "threshold", "threshold_rule", "cooldown", "min_value", "eps"],
    }.ToFrozenDictionary();

    public static void Check(SchedulerOptions options, SchedulerWindow window)
    {
        if (s_keys.TryGetValue(options.Type, out var keys) && Given(options).FirstOrDefault(key => !keys.Contains(key)) is { } extra)
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
        ];
        return values.Where(value => value.Value is not null).Select(value => value.Key);
    }
}
