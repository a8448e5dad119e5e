using System.Collections.Frozen;

namespace OrtZero.Sharding.Internal;

/// <summary>Operators by what they do to a parameter on its way to the operator that gives it its meaning.</summary>
internal static class OperatorSets
{
    /// <summary>Outputs hold the elements of input 0, elsewhere or in another type.</summary>
    public static readonly FrozenSet<string> Moves = new[]
    {
        "Identity", "Cast", "CastLike", "Reshape", "Transpose", "Squeeze", "Unsqueeze", "Flatten", "Expand", "Dropout",
    }.ToFrozenSet(StringComparer.Ordinal);

    /// <summary>Outputs hold some of the elements of input 0: packed weights are cut up this way.</summary>
    public static readonly FrozenSet<string> Cuts = new[] { "Slice", "Split" }.ToFrozenSet(StringComparer.Ordinal);

    /// <summary>Results that a bias is added to, with the type of the module that has such a bias.</summary>
    public static readonly FrozenDictionary<string, ModuleKind> Products = new Dictionary<string, ModuleKind>
    {
        ["MatMul"] = ModuleKind.Linear,
        ["Gemm"] = ModuleKind.Linear,
        ["Einsum"] = ModuleKind.Linear,
        ["FusedMatMul"] = ModuleKind.Linear,
        ["FusedGemm"] = ModuleKind.Linear,
        ["Conv"] = ModuleKind.Convolution,
        ["FusedConv"] = ModuleKind.Convolution,
        ["NhwcConv"] = ModuleKind.Convolution,
        ["ConvTranspose"] = ModuleKind.Convolution,
        ["DeformConv"] = ModuleKind.Convolution,
    }.ToFrozenDictionary(StringComparer.Ordinal);

    /// <summary>Normalizations in one operator; true if they subtract the mean.</summary>
    public static readonly FrozenDictionary<string, bool> Normalizations = new Dictionary<string, bool>
    {
        ["BatchNormalization"] = true,
        ["InstanceNormalization"] = true,
        ["GroupNormalization"] = true,
        ["LayerNormalization"] = true,
        ["SkipLayerNormalization"] = true,
        ["EmbedLayerNormalization"] = true,
        ["GroupNorm"] = true,
        ["SkipGroupNorm"] = true,
        ["MeanVarianceNormalization"] = true,
        ["RMSNormalization"] = false,
        ["SimplifiedLayerNormalization"] = false,
        ["SkipSimplifiedLayerNormalization"] = false,
        ["LpNormalization"] = false,
    }.ToFrozenDictionary(StringComparer.Ordinal);
}
