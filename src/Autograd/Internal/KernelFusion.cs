using OrtZero.Onnx;
using OrtZero.Onnx.Protobuf;

namespace OrtZero.Autograd.Internal;

/// <summary>Finds what exporters write out in elementary operators, and puts the fused operators of this project in its place.</summary>
internal static class KernelFusion
{
    public static void Apply(GraphProto graph, ValueTable values)
    {
        GeluFusion.Apply(graph, values);
        SiluFusion.Apply(graph, values);
        RmsNormalizationFusion.Apply(graph, values);
    }
}
