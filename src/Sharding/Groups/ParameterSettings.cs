namespace OrtZero.Sharding;

/// <summary>What the optimizer does with one parameter, and why.</summary>
public sealed record ParameterSettings
{
    /// <summary>The parameter's name.</summary>
    public required string Name { get; init; }

    /// <summary>Lengths of its axes.</summary>
    public required long[] Shape { get; init; }

    /// <summary>What it is.</summary>
    public required ParameterKind Kind { get; init; }

    /// <summary>The name of its group; "frozen" if it is not trained.</summary>
    public required string Group { get; init; }

    /// <summary>Its learning rate before any schedule; 0 if frozen.</summary>
    public required double LearningRate { get; init; }

    /// <summary>Its weight decay; 0 if frozen.</summary>
    public required double WeightDecay { get; init; }

    /// <summary>Decay rate of the first moment.</summary>
    public required double Beta1 { get; init; }

    /// <summary>Decay rate of the second moment.</summary>
    public required double Beta2 { get; init; }

    /// <summary>Added to the root of the second moment.</summary>
    public required double Epsilon { get; init; }

    /// <summary>Momentum of the optimizers that have one of that name, in [0, 1).</summary>
    public double Momentum { get; init; }

    /// <summary>Whether Muon may have it, which takes only weights of linear layers.</summary>
    public bool UseMuon { get; init; } = true;

    /// <summary>Whether it keeps its value.</summary>
    public required bool Frozen { get; init; }

    /// <summary>One sentence: which rule or key gave the rate and the decay.</summary>
    public required string Reason { get; init; }
}
