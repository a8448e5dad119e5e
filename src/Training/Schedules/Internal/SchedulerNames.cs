using System.Collections.Frozen;

namespace OrtZero.Training.Internal;

/// <summary>Takes the name of a schedule apart: its curve, and what it changes.</summary>
internal static class SchedulerNames
{
    private static readonly (string Suffix, ScheduledParameter? Parameter)[] s_suffixes =
    [
        ("LR", ScheduledParameter.LearningRate), ("Momentum", ScheduledParameter.Momentum), ("WeightDecay", ScheduledParameter.WeightDecay),
        ("ParamScheduler", null), ("", ScheduledParameter.LearningRate),
    ];

    private static readonly FrozenDictionary<SchedulerKind, (SchedulerKind Curve, ScheduledParameter? Parameter)> s_parts =
        Enum.GetValues<SchedulerKind>().ToFrozenDictionary(kind => kind, Split);

    /// <summary>The schedule of the learning rate with the same curve.</summary>
    public static SchedulerKind Curve(SchedulerKind kind) => s_parts.TryGetValue(kind, out var parts) ? parts.Curve : kind;

    /// <summary>Whether <c>param_name</c> says what is changed.</summary>
    public static bool IsGeneric(SchedulerKind kind) => s_parts.TryGetValue(kind, out var parts) && parts.Parameter is null;

    /// <summary>What a schedule changes.</summary>
    /// <exception cref="ScheduleException">The name does not say it and <c>param_name</c> is missing.</exception>
    public static ScheduledParameter Parameter(SchedulerOptions options, string place) =>
        (s_parts.TryGetValue(options.Type, out var parts) ? parts.Parameter : null)
        ?? options.ParamName
        ?? throw new ScheduleException($"{place} needs param_name, for example \"param_name\": \"weight_decay\".");

    /// <summary>The key of cfg.json a schedule changes.</summary>
    public static string Name(ScheduledParameter parameter) => parameter switch
    {
        ScheduledParameter.Momentum => "momentum",
        ScheduledParameter.WeightDecay => "weight decay",
        _ => "rate",
    };

    private static (SchedulerKind Curve, ScheduledParameter? Parameter) Split(SchedulerKind kind)
    {
        var name = kind.ToString();
        var (suffix, parameter) = Array.Find(s_suffixes, entry => name.EndsWith(entry.Suffix, StringComparison.Ordinal));
        return (suffix.Length == 0 ? kind : Enum.Parse<SchedulerKind>(name[..^suffix.Length] + "LR"), parameter);
    }
}
