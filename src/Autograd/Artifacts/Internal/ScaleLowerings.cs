using OrtZero.Onnx;
using OrtZero.Onnx.Protobuf;

namespace OrtZero.Autograd.Internal;

/// <summary>Weighted sums, norms over several tensors, and what mixed precision scales by.</summary>
internal static class ScaleLowerings
{
    public static void AddTo(Dictionary<string, Action<LoweringGraph, NodeProto>> table)
    {
        table["ScaledSum"] = (g, node) => g.Set(node.Output[0], node.Input
            .Select((input, index) => g.Mul(input, node.GetFloat($"scale_{index}", 1))).ToArray().Aggregate(g.Add));
        table["BatchScale"] = (g, node) =>
        {
            for (var i = 0; i < node.Output.Count; i++)
            {
                g.Set(node.Output[i], g.Mul(node.Input[0], node.GetFloat($"scale_{i}", 1)));
            }
        };

        // One number for all tensors together.
        table["ReduceAllL2"] = (g, node) => g.Set(node.Output[0], g.Op("Sqrt", node.Input
            .Select(input => g.Op("ReduceSumSquare", [g.Cast(input, TensorElementType.Float)], reduce => reduce.SetInt("keepdims", 0))).ToArray().Aggregate(g.Add)));
        table["MixedPrecisionScale"] = MixedPrecisionScale;
        table["Scale"] = (g, node) =>
        {
            var scale = g.Cast(node.Input[1], TensorElementType.Float);
            g.Set(node.Output[0], node.GetInt("scale_down", 0) != 0 ? g.Div(node.Input[0], scale) : g.Mul(node.Input[0], scale));
        };
    }

    // Every tensor times the first input, in another type; with fuse_outputs as one vector.
    private static void MixedPrecisionScale(LoweringGraph g, NodeProto node)
    {
        var type = (TensorElementType)node.GetInt("to", (long)TensorElementType.Float);
        var scale = g.Reshape(node.Input[0], 1);
        var scaled = node.Input.Skip(1).Select(input => g.Cast(g.Mul(g.Cast(input, TensorElementType.Float), scale), type)).ToArray();
        if (node.GetInt("fuse_outputs", 0) != 0)
        {
            g.Set(node.Output[0], g.Concat([.. scaled.Select(value => g.Reshape(value, -1))]));
            return;
        }

        foreach (var (value, output) in scaled.Zip(node.Output))
        {
            g.Set(output, value);
        }
    }
}
