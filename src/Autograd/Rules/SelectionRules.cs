using OrtZero.Autograd.Internal;
using OrtZero.Onnx;

namespace OrtZero.Autograd.Rules;

/// <summary>Taking, moving and renaming elements in less common ways, and the determinant.</summary>
internal static class SelectionRules
{
    public static void Register(GradientRuleSet rules)
    {
        rules.Add("CastLike", context => context.GiveBroadcast(0, context.Graph.Cast(context.BroadcastDY, context.X.Type)));
        rules.Add("Compress", Compress);
        rules.Add("MaxUnpool", MaxUnpool);
        rules.Add("OneHot", OneHot);
        rules.Add("ReverseSequence", ReverseSequence);
        rules.Add("Shrink", Shrink);
        rules.Add("Det", Determinant);
        rules.AddWithoutGradient("BlackmanWindow", "HammingWindow", "HannWindow", "MelWeightMatrix", "NonMaxSuppression");
    }

    /// <summary>What was left out gets nothing. Which elements stay is data, how many is known from the shape of the result.</summary>
    private static void Compress(RuleContext context)
    {
        if (!context.Needs(0))
        {
            return;
        }

        var graph = context.Graph;
        var shape = context.X.Shape;
        var isFlat = context.Node.FindAttribute("axis") is null;
        var axis = isFlat ? 0 : context.Axis("axis", 0);
        long[] blocks = isFlat
            ? [1, Shapes.Count(shape), 1]
            : [Shapes.Count(shape.AsSpan(0, axis)), shape[axis], Shapes.Count(shape.AsSpan(axis + 1))];
        var count = context.Y.Shape[axis];
        var taken = graph.Node("NonZero", [context.Input(1)], TensorElementType.Int64, [1, count]);
        var rows = graph.ScatterRows(blocks[1], taken, graph.Reshape(context.DY, blocks[0], count, blocks[2]));
        context.Give(0, graph.Reshape(rows, shape));
    }

    /// <summary>
    /// Each element went to one place of the result. Places count in the result that the window gives; where output_shape makes it larger,
    /// ONNX Runtime still counts in that.
    /// </summary>
    private static void MaxUnpool(RuleContext context)
    {
        var graph = context.Graph;
        var flat = graph.Gather(graph.Reshape(context.DY, Shapes.Count(context.Y.Shape)), graph.Reshape(context.Input(1), Shapes.Count(context.X.Shape)), 0);
        context.Give(0, graph.Reshape(flat, context.X.Shape));
    }

    /// <summary>The two numbers that are written get the sums of the gradients where each stands.</summary>
    private static void OneHot(RuleContext context)
    {
        if (!context.Needs(2))
        {
            return;
        }

        var graph = context.Graph;
        var y = context.Y;
        var hot = graph.Node(
            "OneHot", [context.X, context.Input(1), graph.Reals(y.Type, [2], [0, 1])], y.Type, y.Shape,
            node => node.SetInt("axis", context.Node.GetInt("axis", -1)));
        var axes = Shapes.Range(y.Shape.Length);
        var on = graph.ReduceSum(graph.Mul(context.DY, hot), axes, keep: false);
        var off = graph.Sub(graph.ReduceSum(context.DY, axes, keep: false), on);
        context.Give(2, graph.Concat([graph.Reshape(off, 1), graph.Reshape(on, 1)], 0));
    }

    /// <summary>Reversing twice is nothing.</summary>
    private static void ReverseSequence(RuleContext context) => context.Give(0, context.Graph.Node(
        "ReverseSequence", [context.DY, context.Input(1)], context.X.Type, context.X.Shape,
        node => node.Attribute.AddRange(context.Node.Attribute.Select(attribute => attribute.Clone()))));

    /// <summary>0 between -lambd and lambd, a shifted line elsewhere.</summary>
    private static void Shrink(RuleContext context)
    {
        var graph = context.Graph;
        var isOutside = graph.Greater(graph.Unary("Abs", context.X), context.Node.GetFloat("lambd", 0.5f));
        context.Give(0, graph.Masked(isOutside, context.DY));
    }

    /// <summary>
    /// The slope along an element is its cofactor: the determinant without its row and column, with the sign of a chessboard. This needs no
    /// inverse, so it holds for singular matrices too.
    /// </summary>
    private static void Determinant(RuleContext context)
    {
        var graph = context.Graph;
        var shape = context.X.Shape;
        var size = (int)shape[^1];
        var matrices = Shapes.Count(shape) / ((long)size * size);
        var slope = graph.Reshape(context.DY, matrices, 1, 1);
        if (size == 1)
        {
            context.Give(0, graph.Reshape(slope, shape));
            return;
        }

        var places = new List<long>();
        var signs = new double[size * size];
        for (var row = 0; row < size; row++)
        {
            for (var column = 0; column < size; column++)
            {
                signs[(row * size) + column] = (row + column) % 2 == 0 ? 1 : -1;
                places.AddRange(
                    from other in Enumerable.Range(0, size)
                    where other != row
                    from beside in Enumerable.Range(0, size)
                    where beside != column
                    select (long)((other * size) + beside));
            }
        }

        var elements = graph.Gather(graph.Reshape(context.X, matrices, (long)size * size), graph.Integers([.. places]), 1);
        var minors = graph.Reshape(elements, matrices, size, size, size - 1, size - 1);
        var cofactors = graph.Mul(
            graph.Node("Det", [minors], context.X.Type, [matrices, size, size]), graph.Reals(context.X.Type, [size, size], signs));
        context.Give(0, graph.Reshape(graph.Mul(cofactors, slope), shape));
    }
}
