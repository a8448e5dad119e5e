using OrtZero.Onnx;
using OrtZero.Onnx.Protobuf;

namespace OrtZero.Autograd.Internal;

/// <summary>Finds what exporters write out in elementary operators, and puts the fused operators of this project in its place.</summary>
internal static class KernelFusion
{
    public static void Apply(GraphProto graph, ValueTable values)
    {
        var patterns = new FusionPatterns(graph, values);
        var (gelu, silu, normalization) = (new GeluFusion(patterns), new SiluFusion(patterns), new RmsNormalizationFusion(patterns));
        foreach (var node in graph.Node.ToArray())
        {
            gelu.Fuse(node);
            silu.Fuse(node);
            normalization.Fuse(node);
        }
    }
}
