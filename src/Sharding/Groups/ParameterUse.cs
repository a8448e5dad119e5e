namespace OrtZero.Sharding;

/// <summary>How a graph uses one parameter.</summary>
public sealed record ParameterUse
{
    /// <summary>What the parameter is, for people.</summary>
    public required ParameterKind Kind { get; init; }

    /// <summary>The type of the module it belongs to, for rules.</summary>
    public required ModuleKind Module { get; init; }

    /// <summary>Whether it is added rather than multiplied: biases, and the shift of a normalization.</summary>
    public bool IsBias { get; init; }

    /// <summary>Spatial axes of the convolution it belongs to (2 for images); 0 if it belongs to none.</summary>
    public int SpatialRank { get; init; }

    /// <summary>Whether it belongs to the convolution that computes the offsets or mask of a deformable convolution.</summary>
    public bool IsDeformableOffset { get; init; }

    /// <summary>The use this was concluded from, such as "scale of LayerNormalization '/encoder/norm/LayerNormalization'".</summary>
    public string Evidence { get; init; } = "";
}
