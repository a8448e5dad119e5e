using OrtZero.Onnx;
using OrtZero.Onnx.Protobuf;

namespace OrtZero.Autograd.Internal;

/// <summary>Fake quantization, whose gradient goes straight through where nothing was cut off.</summary>
internal static class QuantizationLowerings
{
    public static void AddTo(Dictionary<string, Action<LoweringGraph, NodeProto>> table)
    {
        table["FakeQuant"] = Quantize;
        table["FakeQuantGrad"] = (g, node) => g.Set(node.Output[0], g.Op("Where", node.Input[1], node.Input[0], g.Single(0)));
    }

    // q = round(x/scale) + zero, cut to the range; the output is (q - zero)*scale, the mask tells what was not cut.
    private static void Quantize(LoweringGraph g, NodeProto node)
    {
        var (low, high) = (g.Single(node.GetInt("quant_min", 0)), g.Single(node.GetInt("quant_max", 255)));
        var (scale, zero) = (node.Input[1], g.Cast(node.Input[2], TensorElementType.Float));
        var whole = g.Add(g.Op("Round", g.Div(node.Input[0], scale)), zero);
        g.Set(node.Output[0], g.Mul(g.Sub(g.Op("Min", g.Op("Max", whole, low), high), zero), scale));
        if (node.OutputOrEmpty(1).Length > 0)
        {
            g.Set(node.Output[1], g.Op("And", g.Op("GreaterOrEqual", whole, low), g.Op("LessOrEqual", whole, high)));
        }
    }
}
