using System.Text.Json.Serialization;
using OrtZero.Training.Internal;

namespace OrtZero.Training;

/// <summary>
/// One entry of <c>param_scheduler</c>, with the keys and defaults of MMEngine. The entries apply in their order; each one
/// starts from the rate its predecessors left. A step is an epoch, or an iteration where <see cref="ByEpoch"/> is false or
/// <see cref="ConvertToIterBased"/> is true.
/// </summary>
public sealed record SchedulerOptions
{
    /// <summary>Which schedule. Required.</summary>
    public required SchedulerKind Type { get; init; }

    /// <summary>Schedules named …ParamScheduler: what they change. Required there.</summary>
    public ScheduledParameter? ParamName { get; init; }

    /// <summary>Whether begin, end and the other lengths count epochs rather than iterations. Default: true.</summary>
    public bool ByEpoch { get; init; } = true;

    /// <summary>Whether lengths given in epochs are turned into iterations, so that the rate changes at every iteration. Default: false.</summary>
    public bool ConvertToIterBased { get; init; }

    /// <summary>The first step of the window in which the schedule acts. Default: 0.</summary>
    [Limits(AtLeast = 0)]
    public double Begin { get; init; }

    /// <summary>The step after the last one of the window. Null: the end of training.</summary>
    [Limits(AtLeast = 0)]
    public double? End { get; init; }

    /// <summary>LinearLR: the fraction at the first step. Null: 1/3.</summary>
    [Limits(AtLeast = 0, AtMost = 1)]
    public double? StartFactor { get; init; }

    /// <summary>LinearLR: the fraction at the last step. Null: 1.</summary>
    [Limits(AtLeast = 0, AtMost = 1)]
    public double? EndFactor { get; init; }

    /// <summary>ConstantLR: the fraction, 1/3 if null. ReduceOnPlateauLR: what the rate is multiplied by, 0.1 if null.</summary>
    [Limits(AtLeast = 0, AtMost = 1)]
    public double? Factor { get; init; }

    /// <summary>ExponentialLR (required there), StepLR and MultiStepLR (0.1 if null): what the rate is multiplied by.</summary>
    [Limits(Above = 0)]
    public double? Gamma { get; init; }

    /// <summary>StepLR: steps between two reductions. Required there.</summary>
    [Limits(Above = 0)]
    public double? StepSize { get; init; }

    /// <summary>MultiStepLR: steps after <see cref="Begin"/> at which the rate falls. Required there.</summary>
    [Limits(AtLeast = 0)]
    public IReadOnlyList<double>? Milestones { get; init; }

    /// <summary>CosineAnnealingLR: steps of half a wave. Null: the length of the window.</summary>
    [JsonPropertyName("T_max")]
    [Limits(Above = 0)]
    public double? TMax { get; init; }

    /// <summary>CosineAnnealingLR, CosineRestartLR, PolyLR: the lowest rate, one number or one per group. Null: 0, or <see cref="EtaMinRatio"/>.</summary>
    [Limits(AtLeast = 0)]
    public PerGroup? EtaMin { get; init; }

    /// <summary>CosineAnnealingLR, CosineRestartLR, PolyLR, WSD: the lowest rate as a fraction of each group's own. Not together with eta_min.</summary>
    [Limits(AtLeast = 0)]
    public double? EtaMinRatio { get; init; }

    /// <summary>PolyLR: the power of the polynomial. Null: 1.</summary>
    [Limits(AtLeast = 0)]
    public double? Power { get; init; }

    /// <summary>CosineRestartLR: the steps of each wave. Required there.</summary>
    [Limits(Above = 0)]
    public IReadOnlyList<double>? Periods { get; init; }

    /// <summary>CosineRestartLR: the fraction of the initial rate at which each wave begins. Null: 1 for the only wave.</summary>
    [Limits(AtLeast = 0)]
    public IReadOnlyList<double>? RestartWeights { get; init; }

    /// <summary>OneCycleLR: the highest rate, one number or one per group. Required there.</summary>
    [Limits(Above = 0)]
    public PerGroup? EtaMax { get; init; }

    /// <summary>OneCycleLR: steps of the cycle. Null: the length of the window.</summary>
    [Limits(Above = 0)]
    public double? TotalSteps { get; init; }

    /// <summary>OneCycleLR: the fraction of the cycle in which the rate rises. Null: 0.3.</summary>
    [Limits(AtLeast = 0, AtMost = 1)]
    public double? PctStart { get; init; }

    /// <summary>OneCycleLR: how the rate goes from one end to the other. Null: a cosine.</summary>
    public AnnealStrategy? AnnealStrategy { get; init; }

    /// <summary>OneCycleLR: eta_max divided by the first rate. Null: 25.</summary>
    [Limits(Above = 0)]
    public double? DivFactor { get; init; }

    /// <summary>OneCycleLR: the first rate divided by the last. Null: 10000.</summary>
    [Limits(Above = 0)]
    public double? FinalDivFactor { get; init; }

    /// <summary>OneCycleLR: whether the rate first returns to where it began and then falls. Null: false.</summary>
    public bool? ThreePhase { get; init; }

    /// <summary>ReduceOnPlateauLR: the name of the validation metric. Null: "loss".</summary>
    public string? Monitor { get; init; }

    /// <summary>ReduceOnPlateauLR: whether a smaller or a greater metric is better. Null: less.</summary>
    public PlateauRule? Rule { get; init; }

    /// <summary>ReduceOnPlateauLR: validations without improvement that are tolerated. Null: 10.</summary>
    [Limits(AtLeast = 0)]
    public int? Patience { get; init; }

    /// <summary>ReduceOnPlateauLR: the smallest change that counts as an improvement. Null: 0.0001.</summary>
    [Limits(AtLeast = 0)]
    public double? Threshold { get; init; }

    /// <summary>ReduceOnPlateauLR: whether <see cref="Threshold"/> is relative to the best metric. Null: rel.</summary>
    public ThresholdRule? ThresholdRule { get; init; }

    /// <summary>ReduceOnPlateauLR: validations after a reduction during which none is counted as bad. Null: 0.</summary>
    [Limits(AtLeast = 0)]
    public int? Cooldown { get; init; }

    /// <summary>ReduceOnPlateauLR: the lowest rate, one number or one per group. Null: 0.</summary>
    [Limits(AtLeast = 0)]
    public PerGroup? MinValue { get; init; }

    /// <summary>ReduceOnPlateauLR: a smaller reduction than this is not made. Null: 1e-8.</summary>
    [Limits(AtLeast = 0)]
    public double? Eps { get; init; }

    /// <summary>WarmupLR, WarmupDecayLR, WarmupCosineLR: steps until the rate is reached, 2 at least. Null: 1000.</summary>
    [Limits(AtLeast = 0)]
    public double? WarmupNumSteps { get; init; }

    /// <summary>WarmupLR, WarmupDecayLR, WarmupCosineLR: how the rate rises. Null: log.</summary>
    public WarmupType? WarmupType { get; init; }

    /// <summary>WarmupLR, WarmupDecayLR, WarmupCosineLR: the fraction of each group's own rate to begin at. Null: 0.</summary>
    [Limits(AtLeast = 0, AtMost = 1)]
    public double? WarmupMinRatio { get; init; }

    /// <summary>WarmupDecayLR, WarmupCosineLR: steps of warmup and fall together. Null: the length of the window.</summary>
    [Limits(Above = 0)]
    public double? TotalNumSteps { get; init; }

    /// <summary>WarmupCosineLR: the fraction of each group's own rate to end at. Null: 0.0001.</summary>
    [Limits(AtLeast = 0, AtMost = 1)]
    public double? CosMinRatio { get; init; }

    /// <summary>WSD: steps in which the rate rises. Null: 0.</summary>
    [Limits(AtLeast = 0)]
    public double? WarmupSteps { get; init; }

    /// <summary>WSD: steps at the end of the window in which the rate falls. Required there.</summary>
    [Limits(Above = 0)]
    public double? DecaySteps { get; init; }

    /// <summary>WSD: how the rate falls. Null: linear.</summary>
    public DecayType? DecayType { get; init; }

    /// <summary>The entry as it would stand in cfg.json, on one line, without what has its default.</summary>
    public string ToJson() => SettingsJson.Write(this, new SchedulerOptions { Type = (SchedulerKind)(-1) });
}
