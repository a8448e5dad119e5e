namespace OrtZero.Sharding;

/// <summary>
/// What a custom key sets for the parameters it matches. Null leaves a setting alone. An absolute value wins over the
/// multiplier of the same setting.
/// </summary>
public sealed record CustomKeyRule
{
    /// <summary>Multiplies the base learning rate.</summary>
    public double? LrMult { get; init; }

    /// <summary>Multiplies the base weight decay.</summary>
    public double? DecayMult { get; init; }

    /// <summary>The learning rate itself.</summary>
    public double? Lr { get; init; }

    /// <summary>The weight decay itself.</summary>
    public double? WeightDecay { get; init; }

    /// <summary>Decay rate of the first moment.</summary>
    public double? Beta1 { get; init; }

    /// <summary>Decay rate of the second moment.</summary>
    public double? Beta2 { get; init; }

    /// <summary>Added to the root of the second moment.</summary>
    public double? Epsilon { get; init; }

    /// <summary>Momentum of the optimizers that have one of that name.</summary>
    public double? Momentum { get; init; }

    /// <summary>Whether Muon may have the parameter.</summary>
    public bool? UseMuon { get; init; }
}
