using OrtZero.Autograd.Internal;
using OrtZero.Onnx;

namespace OrtZero.Autograd.Rules;

/// <summary>Writing by index, with each reduction. Ties of maximum and minimum share the gradient, as in PyTorch.</summary>
internal static class ScatterRules
{
    public static void Register(GradientRuleSet rules)
    {
        rules.Add("ScatterElements", ScatterElements);
        rules.AddLowering("ScatterND", ScatterNd);
    }

    /// <summary>
    /// Index tuples become row numbers, so that ScatterElements writes rows. That is also exact where rows are added: ScatterND with add is
    /// a data race on the CPU.
    /// </summary>
    private static bool ScatterNd(LoweringContext context)
    {
        var graph = context.Graph;
        var shape = context.X.Shape;
        var indices = context.Input(1);
        var depth = (int)indices.Shape[^1];
        var rows = Shapes.Count(shape.AsSpan(0, depth));
        var inner = Shapes.Count(shape.AsSpan(depth));
        var tuples = Shapes.Count(indices.Shape.AsSpan(..^1));
        var row = graph.RowNumbers(graph.Reshape(indices, 1, tuples, depth), shape[..depth]);
        var reduction = context.Node.GetString("reduction", "none");
        long[] flat = [tuples, inner];
        var result = graph.Node(
            "ScatterElements",
            [graph.Reshape(context.X, rows, inner), graph.Expand(graph.Reshape(row, tuples, 1), flat), graph.Reshape(context.Input(2), flat)],
            context.X.Type, [rows, inner],
            node =>
            {
                node.SetInt("axis", 0);
                if (reduction != "none")
                {
                    node.SetString("reduction", reduction);
                }
            },
            minimumOpset: reduction is "max" or "min" ? 18 : 16);
        context.Return(0, graph.Reshape(result, shape));
        return true;
    }

    private static void ScatterElements(RuleContext context)
    {
        var graph = context.Graph;
        var axis = context.Axis("axis", 0);
        var indices = context.Input(1);
        var dy = context.DY;
        switch (context.Node.GetString("reduction", "none"))
        {
            case "none":
                // What was overwritten has no gradient; what was written has all of it.
                if (context.Needs(0))
                {
                    context.Give(0, graph.Scatter(dy, indices, graph.Filled(dy.Type, indices.Shape, 0), axis, "none"));
                }

                if (context.Needs(2))
                {
                    context.Give(2, graph.GatherElements(dy, indices, axis));
                }

                break;
            case "add":
                context.Give(0, dy);
                if (context.Needs(2))
                {
                    context.Give(2, graph.GatherElements(dy, indices, axis));
                }

                break;
            case "mul":
                Product(context, indices, axis);
                break;
            default:
                Extremum(context, indices, axis);
                break;
        }
    }

    /// <summary>Each factor gets the product of the others; where one factor is zero, only it does.</summary>
    private static void Product(RuleContext context, Value indices, int axis)
    {
        var graph = context.Graph;
        var x = context.X;
        var updates = context.Input(2);
        if (context.Needs(0))
        {
            context.Give(0, graph.Mul(context.DY, graph.Scatter(graph.Filled(x.Type, x.Shape, 1), indices, updates, axis, "mul")));
        }

        if (!context.Needs(2))
        {
            return;
        }

        var zero = graph.Scalar(x.Type, 0);
        var one = graph.Scalar(x.Type, 1);
        var isZero = graph.Equal(updates, zero);
        var safe = graph.Where(isZero, one, updates);
        var startsAtZero = graph.Equal(x, zero);
        var product = graph.Scatter(graph.Where(startsAtZero, one, x), indices, safe, axis, "mul");
        var zeros = graph.Scatter(graph.Cast(startsAtZero, x.Type), indices, graph.Cast(isZero, x.Type), axis, "add");
        var others = graph.Sub(graph.GatherElements(zeros, indices, axis), graph.Cast(isZero, x.Type));
        var rest = graph.Div(graph.GatherElements(product, indices, axis), safe);
        context.Give(2, graph.Masked(graph.Equal(others, zero), graph.Mul(graph.GatherElements(context.DY, indices, axis), rest)));
    }

    private static void Extremum(RuleContext context, Value indices, int axis)
    {
        var graph = context.Graph;
        var type = context.X.Type;
        var kept = graph.Cast(graph.Equal(context.X, context.Y), type);
        var written = graph.Cast(graph.Equal(context.Input(2), graph.GatherElements(context.Y, indices, axis)), type);
        var count = graph.Scatter(kept, indices, written, axis, "add");
        // A place that nobody wrote and that still holds its value counts itself; others count whoever reached the extreme.
        var share = graph.Div(context.DY, count);
        context.Give(0, graph.Mul(share, kept));
        if (context.Needs(2))
        {
            context.Give(2, graph.Mul(graph.GatherElements(share, indices, axis), written));
        }
    }
}
