using OrtZero.Kernels;
using OrtZero.Onnx;
using OrtZero.Onnx.Protobuf;

namespace OrtZero.Autograd.Internal;

/// <summary>Finds x·sigmoid(x), and its product with a value of the same shape (SwiGLU), and makes one operator of each.</summary>
internal static class SiluFusion
{
    /// <summary>Replaces every float32 one whose intermediate values nothing else reads.</summary>
    public static void Apply(GraphProto graph, ValueTable values)
    {
        var patterns = new FusionPatterns(graph, values);
        for (var i = 0; i < graph.Node.Count; i++)
        {
            if (graph.Node[i] is not { OpType: "Sigmoid" } sigmoid || sigmoid.Input[0] is not { } x || !patterns.IsFloat(x)
                || patterns.OnlyConsumer(sigmoid, "Mul") is not { } silu || FusionPatterns.Other(silu, sigmoid.Output[0]) != x)
            {
                continue;
            }

            if (patterns.OnlyConsumer(silu, "Mul") is { } product && FusionPatterns.Other(product, silu.Output[0]) is { } up
                && up != silu.Output[0] && Shapes.Same(values[up].Shape, values[x].Shape))
            {
                patterns.Replace(product, Node("SwiGlu", [x, up], product.Output[0]));
            }
            else
            {
                patterns.Replace(silu, Node("Silu", [x], silu.Output[0]));
            }
        }
    }

    private static NodeProto Node(string operatorName, string[] inputs, string output) =>
        new() { OpType = operatorName, Domain = KernelLibrary.Domain, Input = { inputs }, Output = { output } };
}
