using OrtZero.Kernels;
using OrtZero.Onnx.Protobuf;

namespace OrtZero.Autograd.Internal;

/// <summary>Finds x·sigmoid(x), and its product with a value of the same shape (SwiGLU), and makes one operator of each.</summary>
internal sealed class SiluFusion(FusionPatterns patterns)
{
    /// <summary>Replaces the one that a sigmoid belongs to, if it is float32 and nothing else reads its intermediate values.</summary>
    public void Fuse(NodeProto node)
    {
        if (node.OpType != "Sigmoid" || node.Input[0] is not { } x || !patterns.IsFloat(x)
            || patterns.OnlyConsumer(node, "Mul") is not { } silu || FusionPatterns.Other(silu, node.Output[0]) != x)
        {
            return;
        }

        if (patterns.OnlyConsumer(silu, "Mul") is { } product && FusionPatterns.Other(product, silu.Output[0]) is { } up
            && up != silu.Output[0] && Shapes.Same(patterns.Shape(up), patterns.Shape(x)))
        {
            patterns.Replace(product, Fused("SwiGlu", [x, up], product.Output[0]));
        }
        else
        {
            patterns.Replace(silu, Fused("Silu", [x], silu.Output[0]));
        }
    }

    private static NodeProto Fused(string operatorName, string[] inputs, string output) =>
        new() { OpType = operatorName, Domain = KernelLibrary.Domain, Input = { inputs }, Output = { output } };
}
