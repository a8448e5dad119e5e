using OrtZero.Onnx;
using OrtZero.Onnx.Protobuf;

namespace OrtZero.Autograd.Internal;

/// <summary>Gradients of activations and softmax (orttraining/core/graph/training_op_defs.cc).</summary>
internal static class ActivationLowerings
{
    public static void AddTo(Dictionary<string, Action<LoweringGraph, NodeProto>> table)
    {
        Unary("ReluGrad", (g, dy, x, _) => g.Op("Where", g.Op("Greater", x, g.Single(0)), dy, g.Single(0)));
        Unary("SigmoidGrad", (g, dy, y, _) => g.Mul(dy, g.Mul(y, g.Complement(y))));
        Unary("TanhGrad", (g, dy, y, _) => g.Mul(dy, g.Complement(g.Mul(y, y))));
        Unary("LeakyReluGrad", (g, dy, y, node) =>
            g.Op("Where", g.Op("Greater", y, g.Single(0)), dy, g.Mul(dy, node.GetFloat("alpha", 0.01f))));
        Unary("QuickGeluGrad", (g, dy, x, node) => QuickGelu(g, dy, x, node.GetFloat("alpha", 1.702f)));
        Unary("GeluGrad", (g, dy, x, _) => Gelu(g, dy, x));
        Unary("FastGeluGrad", (g, dy, x, node) => FastGelu(g, dy, WithBias(g, x, node)));
        Unary("BiasGeluGrad_dX", (g, dy, x, node) => Gelu(g, dy, WithBias(g, x, node)));
        Unary("BiasFastGeluGrad_dX", (g, dy, x, node) => FastGelu(g, dy, WithBias(g, x, node)));
        Unary("SoftmaxGrad_13", (g, dy, y, node) => Softmax(g, dy, y, node.GetInt("axis", -1)));
        Unary("LogSoftmaxGrad_13", (g, dy, y, node) => LogSoftmax(g, dy, y, node.GetInt("axis", -1)));
        Unary("SoftmaxGrad", (g, dy, y, node) => Flattened(g, dy, y, node, Softmax));
        Unary("LogSoftmaxGrad", (g, dy, y, node) => Flattened(g, dy, y, node, LogSoftmax));
        table["DropoutGrad"] = (g, node) =>
        {
            var ratio = node.InputOrEmpty(2) is { Length: > 0 } given ? given : g.Single(0.5f);
            var scaled = g.Div(node.Input[0], g.Complement(ratio));
            g.Set(node.Output[0], g.Op("Where", node.Input[1], scaled, g.Single(0)));
        };

        void Unary(string name, Func<LoweringGraph, string, string, NodeProto, string> write) =>
            table[name] = (g, node) => g.Set(node.Output[0], write(g, node.Input[0], node.Input[1], node));
    }

    private static string WithBias(LoweringGraph g, string x, NodeProto node) =>
        node.InputOrEmpty(2) is { Length: > 0 } bias ? g.Add(x, bias) : x;

    // d/dx x·σ(αx) = σ + αx·σ(1-σ).
    private static string QuickGelu(LoweringGraph g, string dy, string x, float alpha)
    {
        var scaled = g.Mul(x, alpha);
        var sigmoid = g.Op("Sigmoid", scaled);
        return g.Mul(dy, g.Add(sigmoid, g.Mul(scaled, g.Mul(sigmoid, g.Complement(sigmoid)))));
    }

    // ½(1+erf(x/√2)) + x·exp(-x²/2)/√(2π).
    private static string Gelu(LoweringGraph g, string dy, string x)
    {
        var cdf = g.Mul(g.Add(g.Op("Erf", g.Mul(x, MathF.Sqrt(0.5f))), g.Single(1)), 0.5f);
        var density = g.Mul(g.Op("Exp", g.Mul(g.Mul(x, x), -0.5f)), (float)(1 / Math.Sqrt(2 * Math.PI)));
        return g.Mul(dy, g.Add(cdf, g.Mul(x, density)));
    }

    // With u = √(2/π)(x + 0.044715x³) and t = tanh u: ½(1+t) + ½x(1-t²)·u'.
    private static string FastGelu(LoweringGraph g, string dy, string x)
    {
        var a = (float)Math.Sqrt(2 / Math.PI);
        var square = g.Mul(x, x);
        var t = g.Op("Tanh", g.Mul(g.Mul(x, a), g.Add(g.Mul(square, 0.044715f), g.Single(1))));
        var slope = g.Add(g.Mul(square, 3 * 0.044715f * a), g.Single(a));
        var first = g.Mul(g.Add(t, g.Single(1)), 0.5f);
        return g.Mul(dy, g.Add(first, g.Mul(g.Mul(g.Mul(x, 0.5f), g.Complement(g.Mul(t, t))), slope)));
    }

    private static string Softmax(LoweringGraph g, string dy, string y, long axis) =>
        g.Mul(y, g.Sub(dy, g.ReduceSum(g.Mul(dy, y), [axis])));

    private static string LogSoftmax(LoweringGraph g, string dy, string y, long axis) =>
        g.Sub(dy, g.Mul(g.Op("Exp", y), g.ReduceSum(dy, [axis])));

    // Before operator set 13 softmax went over all axes from the given one on.
    private static string Flattened(
        LoweringGraph g, string dy, string y, NodeProto node, Func<LoweringGraph, string, string, long, string> write)
    {
        var axis = node.GetInt("axis", 1);
        return g.Reshape(write(g, Flatten(g, dy, axis), Flatten(g, y, axis), 1), g.Shape(y));
    }

    internal static string Flatten(LoweringGraph g, string value, long axis) => g.Op("Flatten", [value], node => node.SetInt("axis", axis));
}
