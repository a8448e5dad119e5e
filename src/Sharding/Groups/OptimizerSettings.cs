namespace OrtZero.Sharding;

/// <summary>The optimizer section of a configuration: what every parameter has unless a rule says otherwise.</summary>
public sealed record OptimizerSettings
{
    /// <summary>The optimizer's name as PyTorch and MMEngine spell it.</summary>
    public string Type { get; init; } = "AdamW";

    /// <summary>Base learning rate, finite and not negative.</summary>
    public double LearningRate { get; init; } = 1e-3;

    /// <summary>
    /// Base weight decay. Null means that none was given: <see cref="EffectiveWeightDecay"/> applies and multipliers of the
    /// decay are refused, because there is nothing they would multiply.
    /// </summary>
    public double? WeightDecay { get; init; }

    /// <summary>Decay rate of the first moment, in [0, 1).</summary>
    public double Beta1 { get; init; } = 0.9;

    /// <summary>Decay rate of the second moment, in [0, 1).</summary>
    public double Beta2 { get; init; } = 0.999;

    /// <summary>Added to the root of the second moment.</summary>
    public double Epsilon { get; init; } = 1e-8;

    /// <summary><see cref="WeightDecay"/>, else what PyTorch's optimizer of that name uses: 0.01 for AdamW, 0 for the others.</summary>
    public double EffectiveWeightDecay => WeightDecay ?? (Type == "AdamW" ? 0.01 : 0);
}
