using OrtZero.Autograd.Internal;
using OrtZero.Kernels;
using OrtZero.Onnx;

namespace OrtZero.Autograd.Rules;

/// <summary>Activation functions and softmax. At kinks the gradient is the one PyTorch takes.</summary>
internal static class ActivationRules
{
    public static void Register(GradientRuleSet rules)
    {
        rules.AddUnary("Tanh", (graph, dy, _, y) => graph.Mul(dy, graph.Sub(1, graph.Square(y))));
        rules.AddUnary("Sigmoid", (graph, dy, _, y) => graph.Mul(graph.Mul(dy, y), graph.Sub(1, y)));
        rules.AddUnary("Relu", (graph, dy, _, y) => graph.Masked(graph.Greater(y, 0), dy));
        rules.AddUnary("Softplus", (graph, dy, x, _) => graph.Mul(dy, graph.Unary("Sigmoid", x)));
        rules.AddUnary("Softsign", (graph, dy, x, _) => graph.Div(dy, graph.Square(graph.Add(graph.Unary("Abs", x), 1))));
        rules.AddUnary("Mish", Mish);
        rules.Add("LeakyRelu", context => OneSided(context, graph => graph.Scalar(context.X.Type, context.Node.GetFloat("alpha", 0.01f))));
        rules.Add("Elu", context => OneSided(
            context, graph => graph.Mul(graph.Exp(context.X), context.Node.GetFloat("alpha", 1))));
        rules.Add("Celu", context => OneSided(
            context, graph => graph.Exp(graph.Mul(context.X, 1.0 / context.Node.GetFloat("alpha", 1)))));
        rules.Add("Selu", Selu);
        rules.Add("ThresholdedRelu", context => context.Give(
            0, context.Graph.Masked(context.Graph.Greater(context.X, context.Node.GetFloat("alpha", 1)), context.DY)));
        rules.Add("HardSigmoid", HardSigmoid);
        rules.Add("HardSwish", HardSwish);
        rules.Add("PRelu", PRelu);
        rules.Add("Gelu", Gelu);
        rules.Add("Gelu", Gelu, "com.microsoft");
        rules.Add("Gelu", Gelu, KernelLibrary.Domain);
        rules.Add("Silu", Silu, KernelLibrary.Domain);
        rules.Add("SwiGlu", SwiGlu, KernelLibrary.Domain);
        rules.Add("Softmax", Softmax);
        rules.Add("LogSoftmax", LogSoftmax);
    }

    /// <summary>dy where x is positive, else dy times a slope.</summary>
    private static void OneSided(RuleContext context, Func<GraphEmitter, Value> slope)
    {
        var graph = context.Graph;
        context.Give(0, graph.Where(graph.Greater(context.X, 0), context.DY, graph.Mul(context.DY, slope(graph))));
    }

    private static void Selu(RuleContext context)
    {
        var graph = context.Graph;
        var alpha = context.Node.GetFloat("alpha", 1.67326319217681884765625f);
        var scaled = graph.Mul(context.DY, context.Node.GetFloat("gamma", 1.05070102214813232421875f));
        context.Give(0, graph.Where(graph.Greater(context.X, 0), scaled, graph.Mul(scaled, graph.Mul(graph.Exp(context.X), alpha))));
    }

    private static void HardSigmoid(RuleContext context)
    {
        var graph = context.Graph;
        var inside = graph.And(graph.Greater(context.Y, 0), graph.Less(context.Y, 1));
        context.Give(0, graph.Masked(inside, graph.Mul(context.DY, context.Node.GetFloat("alpha", 0.2f))));
    }

    /// <summary>0 below -3, x/3 + 1/2 up to 3, 1 above.</summary>
    private static void HardSwish(RuleContext context)
    {
        var graph = context.Graph;
        var x = context.X;
        var middle = graph.Mul(context.DY, graph.Add(graph.Mul(x, 1.0 / 3), 0.5));
        context.Give(0, graph.Where(graph.Less(x, -3), graph.Scalar(x.Type, 0), graph.Where(graph.Greater(x, 3), context.DY, middle)));
    }

    private static void PRelu(RuleContext context)
    {
        var graph = context.Graph;
        var positive = graph.Greater(context.X, 0);
        context.Give(0, graph.Where(positive, context.DY, graph.Mul(context.DY, context.Input(1))));
        if (context.Needs(1))
        {
            context.Give(1, graph.Where(positive, graph.Scalar(context.X.Type, 0), graph.Mul(context.DY, context.X)));
        }
    }

    /// <summary>y = x·t with t = tanh(softplus x): t + x·(1 - t²)·σ(x).</summary>
    private static Value Mish(GraphEmitter graph, Value dy, Value x, Value y)
    {
        var t = graph.Unary("Tanh", graph.Unary("Softplus", x));
        return graph.Mul(dy, graph.Add(t, graph.Mul(graph.Mul(x, graph.Unary("Sigmoid", x)), graph.Sub(1, graph.Square(t)))));
    }

    private static void Gelu(RuleContext context)
    {
        var approximate = context.Node.GetString("approximate", "none");
        if (context.Graph.CanFuse("GeluGrad", context.X.Type))
        {
            context.Give(0, context.Graph.Node(
                "GeluGrad", [context.DY, context.X], context.X.Type, context.X.Shape, node => node.SetString("approximate", approximate),
                KernelLibrary.Domain));
            return;
        }

        var slope = approximate == "tanh" ? TanhGeluSlope(context.Graph, context.X) : ErfGeluSlope(context.Graph, context.X);
        context.Give(0, context.Graph.Mul(context.DY, slope));
    }

    private static void Silu(RuleContext context)
    {
        if (context.Graph.CanFuse("SiluGrad", context.X.Type))
        {
            context.Give(0, context.Graph.Node("SiluGrad", [context.DY, context.X], context.X.Type, context.X.Shape, domain: KernelLibrary.Domain));
            return;
        }

        context.Give(0, context.Graph.Mul(context.DY, SiluSlope(context.Graph, context.X)));
    }

    /// <summary>y = silu(gate)·up: dgate = dy·up·silu'(gate), dup = dy·silu(gate).</summary>
    private static void SwiGlu(RuleContext context)
    {
        var graph = context.Graph;
        var (gate, up) = (context.X, context.Input(1));
        if (graph.CanFuse("SwiGluGrad", gate.Type))
        {
            var results = graph.Nodes(
                "SwiGluGrad", [context.DY, gate, up], [(gate.Type, gate.Shape), (gate.Type, gate.Shape)], domain: KernelLibrary.Domain);
            context.Give(0, results[0]);
            context.Give(1, results[1]);
            return;
        }

        context.Give(0, graph.Mul(graph.Mul(context.DY, up), SiluSlope(graph, gate)));
        context.Give(1, graph.Mul(context.DY, graph.Mul(gate, graph.Unary("Sigmoid", gate))));
    }

    /// <summary>With s = sigmoid(x): s·(1 + x·(1 - s)).</summary>
    private static Value SiluSlope(GraphEmitter graph, Value x)
    {
        var sigmoid = graph.Unary("Sigmoid", x);
        return graph.Mul(sigmoid, graph.Add(graph.Mul(x, graph.Sub(1, sigmoid)), 1));
    }

    /// <summary>½(1 + erf(x/√2)) + x·exp(-x²/2)/√(2π).</summary>
    private static Value ErfGeluSlope(GraphEmitter graph, Value x)
    {
        var cumulative = graph.Mul(graph.Add(graph.Unary("Erf", graph.Mul(x, 1 / Math.Sqrt(2))), 1), 0.5);
        var density = graph.Mul(graph.Exp(graph.Mul(graph.Square(x), -0.5)), 1 / Math.Sqrt(2 * Math.PI));
        return graph.Add(cumulative, graph.Mul(x, density));
    }

    /// <summary>With t = tanh(a(x + c·x³)), a = √(2/π), c = 0.044715: ½(1 + t) + ½x(1 - t²)·a(1 + 3c·x²).</summary>
    private static Value TanhGeluSlope(GraphEmitter graph, Value x)
    {
        const double c = 0.044715;
        var a = Math.Sqrt(2 / Math.PI);
        var square = graph.Square(x);
        var t = graph.Unary("Tanh", graph.Mul(graph.Mul(x, graph.Add(graph.Mul(square, c), 1)), a));
        var inner = graph.Add(graph.Mul(square, 3 * c * a), a);
        var rise = graph.Mul(graph.Mul(x, graph.Sub(1, graph.Square(t))), inner);
        return graph.Mul(graph.Add(graph.Add(rise, t), 1), 0.5);
    }

    /// <summary>y·(dy - Σ dy·y) along the axis.</summary>
    private static void Softmax(RuleContext context)
    {
        var graph = context.Graph;
        var axis = context.Axis("axis", -1);
        var y = context.Y;
        if (axis == y.Shape.Length - 1 && graph.CanFuse("SoftmaxGrad", y.Type))
        {
            context.Give(0, graph.Node(
                "SoftmaxGrad", [context.DY, y], y.Type, y.Shape, node => node.SetInt("axis", -1), KernelLibrary.Domain));
            return;
        }

        var weighted = graph.Mul(context.DY, y);
        context.Give(0, graph.Sub(weighted, graph.Mul(y, graph.ReduceSum(weighted, [axis]))));
    }

    /// <summary>dy - exp(y)·Σ dy along the axis.</summary>
    private static void LogSoftmax(RuleContext context)
    {
        var graph = context.Graph;
        var axis = context.Axis("axis", -1);
        context.Give(0, graph.Sub(context.DY, graph.Mul(graph.Exp(context.Y), graph.ReduceSum(context.DY, [axis]))));
    }
}
