using OrtZero.Onnx.Protobuf;

namespace OrtZero.Autograd.Internal;

/// <summary>Roughly what a node costs, in elements written; so many multiplications of a matrix product cost as much as one element.</summary>
internal static class ComputeCost
{
    private const double MultiplicationsPerElement = 16;
    private const double FunctionElements = 4;
    private const double PerNode = 500;

    private static readonly HashSet<string> s_functions = new(
        ["Exp", "Log", "Erf", "Tanh", "Sigmoid", "Softmax", "LogSoftmax", "Gelu", "Silu", "SwiGlu", "Pow", "Softplus", "Mish", "Sin", "Cos"], StringComparer.Ordinal);

    public static double Of(ActivationGraph graph, NodeProto node)
    {
        if (ActivationGraph.IsView(node))
        {
            return 1;
        }

        double elements = node.Output.Where(output => output.Length > 0).Sum(output => Math.Max(0, Shapes.Count(graph.Values[output].Shape)));
        return PerNode + node.OpType switch
        {
            "MatMul" or "FusedMatMul" => elements * Length(graph, node.Input[0], node.OpType == "FusedMatMul" && IsTransposed(node) ? ^2 : ^1) / MultiplicationsPerElement,
            "Gemm" => elements * Length(graph, node.Input[0], IsTransposed(node) ? ^2 : ^1) / MultiplicationsPerElement,
            "Conv" or "ConvTranspose" => elements * Math.Max(1, Shapes.Count(graph.Values[node.Input[1]].Shape.AsSpan(1))) / MultiplicationsPerElement,
            "Attention" or "MultiHeadAttention" or "GroupQueryAttention" or "LSTM" or "GRU" or "RNN" or "Einsum" => elements * FunctionElements * MultiplicationsPerElement,
            _ when s_functions.Contains(node.OpType) => elements * FunctionElements,
            _ => elements,
        };
    }

    private static bool IsTransposed(NodeProto node) => node.Attribute.Any(attribute => attribute.Name == "transA" && attribute.I != 0);

    private static double Length(ActivationGraph graph, string value, Index axis) => graph.Values[value].Shape is { Length: > 1 } shape ? shape[axis] : 1;
}
