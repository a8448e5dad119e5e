namespace OrtZero.Sharding.Internal;

/// <summary>A range of one tensor with all that its update depends on.</summary>
internal readonly ref struct RangeContext
{
    /// <summary>The weights.</summary>
    public required Span<float> Weights { get; init; }

    /// <summary>Their summed gradients, to be multiplied by <see cref="GradientScale"/>.</summary>
    public required ReadOnlySpan<float> Gradients { get; init; }

    /// <summary>The optimizer's first state; empty when the parameter does not have it.</summary>
    public required Span<float> First { get; init; }

    /// <summary>Its second state.</summary>
    public required Span<float> Second { get; init; }

    /// <summary>Its third state.</summary>
    public required Span<float> Third { get; init; }

    /// <summary>The index of the tensor in the plan.</summary>
    public required int Parameter { get; init; }

    /// <summary>Where the range begins in the tensor; a multiple of <see cref="PartitionPlan.BlockElements"/>.</summary>
    public required long Start { get; init; }

    /// <summary>The parameter's settings, for what no schedule changes.</summary>
    public required ParameterSettings Settings { get; init; }

    /// <summary>Learning rate at this update.</summary>
    public required double LearningRate { get; init; }

    /// <summary>Weight decay at this update.</summary>
    public required double WeightDecay { get; init; }

    /// <summary>Decay rate of the first moment at this update.</summary>
    public required double Beta1 { get; init; }

    /// <summary>Momentum at this update.</summary>
    public required double Momentum { get; init; }

    /// <summary>Divisor, loss scale and clipping in one factor.</summary>
    public required float GradientScale { get; init; }

    /// <summary>The number of the parameter's update, from 1.</summary>
    public required long Update { get; init; }
}
