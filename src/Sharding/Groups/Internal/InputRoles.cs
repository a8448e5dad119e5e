using System.Collections.Frozen;
using OrtZero.Onnx.Protobuf;
using static OrtZero.Sharding.Internal.InputRole;

namespace OrtZero.Sharding.Internal;

/// <summary>The inputs at which operators take parameters, from the ONNX specification and ONNX Runtime's contributed operators.</summary>
internal static class InputRoles
{
    private static readonly FrozenDictionary<string, InputRole[]> s_standard = new Dictionary<string, InputRole[]>
    {
        ["BatchNormalization"] = [None, Scale, Shift, Statistic, Statistic],
        ["InstanceNormalization"] = [None, Scale, Shift],
        ["GroupNormalization"] = [None, Scale, Shift],
        ["LayerNormalization"] = [None, Scale, Shift],
        ["RMSNormalization"] = [None, Scale],
        ["SimplifiedLayerNormalization"] = [None, Scale],
        ["MatMul"] = [Weight, Weight],
        ["Gemm"] = [Weight, Weight, Bias],
        ["Conv"] = [None, Kernel, KernelBias],
        ["ConvTranspose"] = [None, Kernel, KernelBias],
        ["DeformConv"] = [None, Kernel, None, KernelBias],
        ["LSTM"] = [None, RecurrentWeight, RecurrentWeight, RecurrentBias],
        ["GRU"] = [None, RecurrentWeight, RecurrentWeight, RecurrentBias],
        ["RNN"] = [None, RecurrentWeight, RecurrentWeight, RecurrentBias],
    }.ToFrozenDictionary(StringComparer.Ordinal);

    private static readonly FrozenDictionary<string, InputRole[]> s_contributed = new Dictionary<string, InputRole[]>
    {
        ["SkipLayerNormalization"] = [None, None, Scale, Shift, Bias],
        ["SkipSimplifiedLayerNormalization"] = [None, None, Scale, Bias],
        ["EmbedLayerNormalization"] = [None, None, Table, Table, Table, Scale, Shift],
        ["GroupNorm"] = [None, Scale, Shift],
        ["SkipGroupNorm"] = [None, Scale, Shift, None, Bias],
        ["FusedMatMul"] = [Weight, Weight],
        ["FusedGemm"] = [Weight, Weight, Bias],
        ["FusedConv"] = [None, Kernel, KernelBias],
        ["NhwcConv"] = [None, Kernel, KernelBias],
        ["BiasGelu"] = [None, Bias],
        ["FastGelu"] = [None, Bias],
        ["BiasAdd"] = [None, Bias],
        ["BiasSplitGelu"] = [None, Bias],
        ["Attention"] = [None, Weight, Bias],
        ["MultiHeadAttention"] = [None, None, None, Bias],
    }.ToFrozenDictionary(StringComparer.Ordinal);

    public static InputRole Of(NodeProto node, int position)
    {
        if (node.OpType == "Einsum")
        {
            return Weight;
        }

        // Contributed normalizations are also found in the default domain, where ONNX Runtime's optimizer puts them.
        var known = s_standard.TryGetValue(node.OpType, out var roles)
            || (node.Domain == "com.microsoft" && s_contributed.TryGetValue(node.OpType, out roles));
        return known && position < roles!.Length ? roles[position] : None;
    }
}
