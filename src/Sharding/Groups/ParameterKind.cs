using System.Text.Json.Serialization;

namespace OrtZero.Sharding;

/// <summary>What a parameter is to the people who tune it, found from how the graph uses it.</summary>
public enum ParameterKind
{
    /// <summary>Scale or shift of a normalization: batch, instance, group, layer or RMS, fused or written in primitive operators.</summary>
    [JsonStringEnumMemberName("norm")]
    Norm,

    /// <summary>Added to the result of a matrix product, a convolution or a recurrent layer.</summary>
    [JsonStringEnumMemberName("bias")]
    Bias,

    /// <summary>A table whose rows are gathered, also when the same table is the output head.</summary>
    [JsonStringEnumMemberName("embedding")]
    Embedding,

    /// <summary>The kernel of a convolution with one input channel per group.</summary>
    [JsonStringEnumMemberName("depthwise_convolution")]
    DepthwiseConvolution,

    /// <summary>The kernel of any other convolution, transposed ones included.</summary>
    [JsonStringEnumMemberName("convolution")]
    Convolution,

    /// <summary>An operand of a matrix product, of an Einsum or of a recurrent layer.</summary>
    [JsonStringEnumMemberName("linear")]
    Linear,

    /// <summary>Everything else: position embeddings that are added, class tokens, layer scales, activation slopes.</summary>
    [JsonStringEnumMemberName("other")]
    Other,
}
