namespace OrtZero.Sharding;

/// <summary>Trainable parameters that share one rule and all settings.</summary>
public sealed record ParameterGroup
{
    /// <summary>
    /// Unique and the same in every run of one configuration: the custom key without its trailing dot, or "default", and
    /// after a slash what the rules changed, such as "visual_encoder/no_decay".
    /// </summary>
    public required string Name { get; init; }

    /// <summary>Learning rate before any schedule.</summary>
    public required double LearningRate { get; init; }

    /// <summary>Weight decay.</summary>
    public required double WeightDecay { get; init; }

    /// <summary>Decay rate of the first moment.</summary>
    public required double Beta1 { get; init; }

    /// <summary>Decay rate of the second moment.</summary>
    public required double Beta2 { get; init; }

    /// <summary>Added to the root of the second moment.</summary>
    public required double Epsilon { get; init; }

    /// <summary>Momentum of the optimizers that have one of that name, in [0, 1).</summary>
    public double Momentum { get; init; }

    /// <summary>The names of its parameters, in model order.</summary>
    public required IReadOnlyList<string> Parameters { get; init; }
}
