using OrtZero.Training.Internal;

namespace OrtZero.Training;

/// <summary>The <c>optim_wrapper.optimizer</c> section.</summary>
public sealed record OptimizerSection
{
    /// <summary>The algorithm. Required; this version has "AdamW".</summary>
    public required OptimizerKind Type { get; init; }

    /// <summary>The learning rate that multipliers and schedules start from. Required.</summary>
    [Limits(AtLeast = 0)]
    public required double Lr { get; init; }

    /// <summary>The decay rates of the first and second moment. Default: [0.9, 0.999].</summary>
    [Limits(AtLeast = 0, Below = 1)]
    public Betas Betas { get; init; } = Betas.Default;

    /// <summary>Added to the denominator. Default: 1e-8.</summary>
    [Limits(AtLeast = 0)]
    public double Eps { get; init; } = 1e-8;

    /// <summary>
    /// Decoupled weight decay. Null: PyTorch's 0.01, and, as in MMEngine, no decay multiplier may be used, for there is nothing
    /// written to multiply.
    /// </summary>
    [Limits(AtLeast = 0)]
    public double? WeightDecay { get; init; }

    /// <summary><see cref="WeightDecay"/> with its default filled in. Not a key.</summary>
    [System.Text.Json.Serialization.JsonIgnore]
    public double EffectiveWeightDecay => WeightDecay ?? 0.01;
}
