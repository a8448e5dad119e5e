using OrtZero.Autograd.Internal;
using OrtZero.Onnx;

namespace OrtZero.Autograd.Rules;

/// <summary>Sums, means and extremes over axes.</summary>
internal static class ReduceRules
{
    public static void Register(GradientRuleSet rules)
    {
        rules.Add("ReduceSum", context => Reduction(context, (_, dy, _, _) => dy));
        rules.Add("ReduceMean", context => Reduction(
            context, (graph, dy, x, y) => graph.Mul(dy, 1.0 / Math.Max(1, Shapes.BroadcastAxes(x.Shape, y.Shape).Aggregate(1L, (count, axis) => count * x.Shape[axis])))));
        rules.Add("ReduceSumSquare", context => Reduction(context, (graph, dy, x, _) => graph.Mul(graph.Mul(dy, 2), x)));
        rules.Add("ReduceL1", context => Reduction(context, (graph, dy, x, _) => graph.Mul(dy, graph.Unary("Sign", x))));
        rules.Add("ReduceLogSumExp", context => Reduction(context, (graph, dy, x, y) => graph.Mul(dy, graph.Exp(graph.Sub(x, y)))));
        rules.Add("ReduceLogSum", context => Reduction(context, (graph, dy, _, y) => graph.Div(dy, graph.Exp(y))));
        rules.Add("ReduceProd", context => Reduction(context, Product));
        rules.Add("ReduceMax", context => Reduction(context, Extremum));
        rules.Add("ReduceMin", context => Reduction(context, Extremum));
        rules.Add("ReduceL2", context => Reduction(context, Norm));
    }

    /// <summary>Calls the rule with dy and y in the shape that keepdims gives, so that they broadcast against x.</summary>
    private static void Reduction(RuleContext context, UnaryRule rule)
    {
        var graph = context.Graph;
        var rank = context.X.Shape.Length;
        var axes = context.Integers("axes", 1);
        if (axes is null or { Length: 0 })
        {
            if (context.Node.GetInt("noop_with_empty_axes", 0) != 0)
            {
                context.GiveBroadcast(0, rule(graph, context.BroadcastDY, context.X, context.Y));
                return;
            }

            axes = Shapes.Range(rank);
        }

        var kept = Shapes.Reduced(context.X.Shape, Array.ConvertAll(Shapes.Axes(axes, rank), axis => (long)axis), keep: true);
        context.GiveBroadcast(0, rule(graph, graph.Reshape(context.DY, kept), context.X, graph.Reshape(context.Y, kept)));
    }

    /// <summary>Each factor gets the product of the others; where one factor is zero, only it does.</summary>
    private static Value Product(GraphEmitter graph, Value dy, Value x, Value y)
    {
        var zero = graph.Scalar(x.Type, 0);
        var isZero = graph.Equal(x, zero);
        var safe = graph.Where(isZero, graph.Scalar(x.Type, 1), x);
        var axes = Shapes.BroadcastAxes(x.Shape, y.Shape);
        var product = axes.Length == 0 ? safe : graph.Opset < 18
            ? graph.Node("ReduceProd", [safe], x.Type, y.Shape, node => node.SetInts("axes", axes))
            : graph.Node("ReduceProd", [safe, graph.Integers(axes)], x.Type, y.Shape);
        var zeros = graph.Cast(isZero, x.Type);
        var others = graph.Sub(graph.ReduceSum(zeros, axes), zeros);
        return graph.Masked(graph.Equal(others, zero), graph.Mul(dy, graph.Div(product, safe)));
    }

    /// <summary>Equal extremes share the gradient evenly, as PyTorch's amax and amin do.</summary>
    private static Value Extremum(GraphEmitter graph, Value dy, Value x, Value y)
    {
        var hits = graph.Cast(graph.Equal(x, y), x.Type);
        var count = graph.ReduceSum(hits, Shapes.BroadcastAxes(x.Shape, y.Shape));
        return graph.Mul(graph.Div(dy, count), hits);
    }

    /// <summary>dy·x/y, and 0 where the norm is 0.</summary>
    private static Value Norm(GraphEmitter graph, Value dy, Value x, Value y)
    {
        var zero = graph.Scalar(y.Type, 0);
        var isZero = graph.Equal(y, zero);
        return graph.Mul(graph.Where(isZero, zero, graph.Div(dy, graph.Where(isZero, graph.Scalar(y.Type, 1), y))), x);
    }
}
