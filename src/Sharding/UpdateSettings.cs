namespace OrtZero.Sharding;

/// <summary>What one optimizer update needs to be told: nothing of it is remembered between updates.</summary>
public readonly record struct UpdateSettings
{
    /// <summary>What the sum of gradients over micro-batches and ranks is divided by, once: normally accumulative_counts times the
    /// world size, times the loss scale where there is one. Positive and finite.</summary>
    public required double GradientDivisor { get; init; }

    /// <summary>The global L2 norm to clip to, or null not to clip.</summary>
    public double? MaxNorm { get; init; }

    /// <summary>The learning rate of each group of <see cref="ParameterGroupTable.Groups"/> for this update.</summary>
    public required IReadOnlyList<double> LearningRates { get; init; }

    /// <summary>The weight decay of each group of <see cref="ParameterGroupTable.Groups"/> for this update.</summary>
    public required IReadOnlyList<double> WeightDecays { get; init; }

    /// <summary>The momentum of each group (Adam's beta1 where the optimizer has none of that name) for this update. Null: that of the group.</summary>
    public IReadOnlyList<double>? Momenta { get; init; }

    /// <summary>Whether the update measures what it does to each group, for <see cref="ZeroEngine.Measurements"/>: it reads gradients and
    /// parameters once more and lets the ranks talk once more.</summary>
    public bool Measure { get; init; }
}
