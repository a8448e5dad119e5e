using OrtZero.Onnx.Protobuf;

namespace OrtZero.Onnx.Internal;

/// <summary>What part a parameter plays in an operator.</summary>
/// <param name="Suffix">The parameter's name within its module, in PyTorch's words: <c>weight</c>, <c>bias</c>.</param>
/// <param name="Transposed">Whether the operator holds it transposed relative to PyTorch's module.</param>
internal readonly record struct ParameterSlot(string Suffix, bool Transposed)
{
    /// <summary>The slot at an input of a node, or null where an operator has no parameter.</summary>
    public static ParameterSlot? Of(NodeProto node, int input, TensorProto tensor) => (node.OpType, input) switch
    {
        // Linear computes x·Wᵀ with W [out, in]; folding the transposition leaves [in, out].
        ("MatMul", 1) when IsMatrix(tensor) => new("weight", tensor.Dims.Count == 2),
        ("MatMul", 0) when IsMatrix(tensor) => new("weight", false),
        ("Gemm", 1) => new("weight", node.GetInt("transB", 0) == 0),
        ("Gemm", 2) => new("bias", false),
        ("Conv" or "ConvTranspose" or "DeformConv", 1) => new("weight", false),
        ("Conv" or "ConvTranspose", 2) => new("bias", false),
        ("BatchNormalization" or "LayerNormalization" or "GroupNormalization" or "RMSNormalization", 1) => new("weight", false),
        ("BatchNormalization" or "LayerNormalization" or "GroupNormalization", 2) => new("bias", false),
        ("BatchNormalization", 3) => new("running_mean", false),
        ("BatchNormalization", 4) => new("running_var", false),
        // The scale of a decomposed group norm is a constant 1 and its bias 0; real ones keep their names.
        ("InstanceNormalization", 1) when !TensorContent.IsUniform(tensor) => new("weight", false),
        ("InstanceNormalization", 2) when !TensorContent.IsUniform(tensor) => new("bias", false),
        ("PRelu", 1) => new("weight", false),
        ("Gather", 0) when tensor.Dims.Count == 2 => new("weight", false),
        ("Einsum", >= 0) when tensor.Dims.Count >= 2 => new("weight", false),
        ("LSTM" or "GRU" or "RNN", 1) => new("weight_ih", false),
        ("LSTM" or "GRU" or "RNN", 2) => new("weight_hh", false),
        ("LSTM" or "GRU" or "RNN", 3) => new("bias", false),
        _ => null,
    };

    // A stack of single rows or columns is a table of frequencies (rotary embeddings) rather than a stack of weights.
    private static bool IsMatrix(TensorProto tensor) =>
        tensor.Dims.Count == 2 || (tensor.Dims.Count > 2 && tensor.Dims[^1] > 1 && tensor.Dims[^2] > 1);
}
