namespace OrtZero.Sharding;

/// <summary>
/// Layer-wise decay of the rate, as in timm and mmpretrain: with L blocks, layer 0 is what comes before the blocks, layers 1 to L
/// are the blocks, and layer L + 1 is what comes after them; layer i has its rate times rate^(L + 1 - i).
/// </summary>
public sealed record LayerDecayRule
{
    /// <summary>The factor from one layer to the one before it.</summary>
    public required double Rate { get; init; }

    /// <summary>No factor is smaller than this.</summary>
    public double MinScale { get; init; }

    /// <summary>Only parameters whose names begin with this. Null: all.</summary>
    public string? Prefix { get; init; }
}
