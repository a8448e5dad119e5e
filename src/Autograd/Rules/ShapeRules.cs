using OrtZero.Autograd.Internal;
using OrtZero.Kernels;
using OrtZero.Onnx;

namespace OrtZero.Autograd.Rules;

/// <summary>Operators that only move, repeat, join or cut.</summary>
internal static class ShapeRules
{
    public static void Register(GradientRuleSet rules)
    {
        foreach (var operatorName in (ReadOnlySpan<string>)["Reshape", "Flatten", "Squeeze", "Unsqueeze"])
        {
            rules.Add(operatorName, context => context.Give(0, context.Graph.Reshape(context.DY, context.X.Shape)));
        }

        rules.Add("Transpose", context => context.Give(
            0, context.Graph.Transpose(context.DY, Shapes.Inverse(GraphEmitter.Permutation(context.Node, context.X.Shape.Length)))));
        rules.Add("Cast", context => context.GiveBroadcast(0, context.Graph.Cast(context.BroadcastDY, context.X.Type)));
        rules.Add("Expand", context => context.Give(0, context.DY));
        rules.Add("Trilu", Trilu);
        rules.Add("Concat", Concat);
        rules.Add("Split", Split);
        rules.Add("Slice", Slice);
        rules.Add("Pad", Pad);
        rules.Add("Tile", Tile);
        rules.Add("Dropout", Dropout);
        rules.Add("CounterDropout", CounterDropout, KernelLibrary.Domain);
        rules.Add("CumSum", CumSum);
    }

    /// <summary>An element adds to every sum at or behind it: the sums of dy from the other end.</summary>
    private static void CumSum(RuleContext context)
    {
        var isReverse = context.Node.GetInt("reverse", 0) != 0;
        var isExclusive = context.Node.GetInt("exclusive", 0);
        context.Give(0, context.Graph.Node(
            "CumSum", [context.DY, context.Input(1)], context.X.Type, context.X.Shape,
            node => node.SetInt("reverse", isReverse ? 0 : 1).SetInt("exclusive", isExclusive)));
    }

    private static void Trilu(RuleContext context)
    {
        var upper = context.Node.GetInt("upper", 1);
        Value[] inputs = context.HasInput(1) ? [context.DY, context.Input(1)] : [context.DY];
        context.Give(0, context.Graph.Node("Trilu", inputs, context.X.Type, context.X.Shape, node => node.SetInt("upper", upper)));
    }

    private static void Concat(RuleContext context)
    {
        var axis = Shapes.Axis(context.Node.GetInt("axis", 0), context.Y.Shape.Length);
        var start = 0L;
        for (var i = 0; i < context.InputCount; i++)
        {
            var end = start + context.Input(i).Shape[axis];
            if (context.Needs(i))
            {
                context.Give(i, context.Graph.Slice(context.DY, axis, start, end));
            }

            start = end;
        }
    }

    private static void Split(RuleContext context)
    {
        var axis = context.Axis("axis", 0);
        var start = 0L;
        for (var i = 0; i < context.Node.Output.Count; i++)
        {
            if (context.Gradient(i) is { } gradient)
            {
                context.GivePart(0, gradient, axis, start);
            }

            // An output without a name still takes its share; only the last ones may be left out.
            start += context.HasOutput(i) ? context.Output(i).Shape[axis] : SplitLength(context, i, axis);
        }
    }

    private static long SplitLength(RuleContext context, int index, int axis)
    {
        if (context.Integers("split", 1) is { } lengths)
        {
            return lengths[index];
        }

        var count = context.Node.GetInt("num_outputs", context.Node.Output.Count);
        return (context.X.Shape[axis] + count - 1) / count;
    }

    /// <summary>Puts what was cut out back in its place, with zeros elsewhere.</summary>
    private static void Slice(RuleContext context)
    {
        var shape = context.X.Shape;
        var starts = context.Integers(1);
        var axes = context.HasInput(3) ? context.Integers(3) : Shapes.Range(starts.Length);
        var steps = context.HasInput(4) ? context.Integers(4) : [.. starts.Select(_ => 1L)];
        var cuts = new List<(int Axis, long Start)>();
        var gradient = context.DY;
        for (var i = 0; i < starts.Length; i++)
        {
            var axis = Shapes.Axis(axes[i], shape.Length);
            var start = starts[i] < 0 ? starts[i] + shape[axis] : starts[i];
            start = Math.Clamp(start, 0, steps[i] < 0 ? shape[axis] - 1 : shape[axis]);
            (gradient, start) = Spread(context.Graph, gradient, axis, start, steps[i]);
            if (gradient.Shape[axis] != shape[axis])
            {
                cuts.Add((axis, start));
            }
        }

        if (cuts.Count == 1)
        {
            context.GivePart(0, gradient, cuts[0].Axis, cuts[0].Start);
            return;
        }

        var before = new long[shape.Length];
        var after = new long[shape.Length];
        foreach (var (axis, start) in cuts)
        {
            before[axis] = start;
            after[axis] = shape[axis] - start - gradient.Shape[axis];
        }

        context.Give(0, context.Graph.Pad(gradient, before, after));
    }

    /// <summary>Undoes the step of a slice: puts step-1 zeros between elements, and them in ascending order.</summary>
    private static (Value Gradient, long Start) Spread(GraphEmitter graph, Value gradient, int axis, long start, long step)
    {
        var count = gradient.Shape[axis];
        if (step < 0)
        {
            gradient = graph.Reverse(gradient, axis);
            start += (count - 1) * step;
            step = -step;
        }

        if (step > 1 && count > 1)
        {
            var shape = gradient.Shape;
            var rank = shape.Length + 1;
            var apart = graph.Reshape(gradient, [.. shape.AsSpan(0, axis + 1), 1, .. shape.AsSpan(axis + 1)]);
            var padded = graph.Pad(apart, new long[rank], Shapes.With(new long[rank], axis + 1, step - 1));
            gradient = graph.Slice(graph.Reshape(padded, Shapes.With(shape, axis, count * step)), axis, 0, ((count - 1) * step) + 1);
        }

        return (gradient, start);
    }

    /// <summary>Padding with a constant: cuts the border off, which is the constant's. Other modes repeat elements of the input, which get the sum of their copies.</summary>
    private static void Pad(RuleContext context)
    {
        var graph = context.Graph;
        var shape = context.X.Shape;
        var given = context.Integers("pads", 1)!;
        var axes = context.HasInput(3) ? Array.ConvertAll(context.Integers(3), axis => Shapes.Axis(axis, shape.Length)) : [.. Enumerable.Range(0, shape.Length)];
        var mode = context.Node.GetString("mode", "constant");
        var gradient = context.DY;
        for (var i = 0; i < axes.Length; i++)
        {
            var (axis, before, after) = (axes[i], given[i], given[i + axes.Length]);
            var length = shape[axis];
            if (mode == "constant")
            {
                gradient = Cut(graph, gradient, axis, before, after, length);
            }
            else if (before != 0 || after != 0)
            {
                var source = new long[length + before + after];
                for (var position = 0L; position < source.Length; position++)
                {
                    source[position] = Source(position - before, length, mode);
                }

                gradient = graph.AddAlong(gradient, axis, length, source);
            }
        }

        context.Give(0, gradient);
        if (mode == "constant" && context.Needs(2))
        {
            // All that is not inside is that constant.
            var all = graph.ReduceSum(context.DY, Shapes.Range(shape.Length), keep: false);
            var inside = graph.ReduceSum(gradient, Shapes.Range(shape.Length), keep: false);
            context.Give(2, graph.Reshape(graph.Sub(all, inside), context.Input(2).Shape));
        }
    }

    private static Value Cut(GraphEmitter graph, Value gradient, int axis, long before, long after, long length)
    {
        var inside = graph.Slice(gradient, axis, Math.Max(0, before), gradient.Shape[axis] - Math.Max(0, after));
        var zeros = new long[gradient.Shape.Length];
        return inside.Shape[axis] == length
            ? inside
            : graph.Pad(inside, Shapes.With(zeros, axis, Math.Max(0, -before)), Shapes.With(zeros, axis, Math.Max(0, -after)));
    }

    private static long Source(long position, long length, string mode) => mode switch
    {
        "edge" => Math.Clamp(position, 0, length - 1),
        "wrap" => ((position % length) + length) % length,
        _ when length == 1 => 0,
        _ => length - 1 - Math.Abs((((position % (2 * (length - 1))) + (2 * (length - 1))) % (2 * (length - 1))) - (length - 1)),
    };

    private static void Tile(RuleContext context)
    {
        var repeats = context.Integers(1);
        var shape = context.X.Shape;
        var split = new long[2 * shape.Length];
        var axes = new List<long>();
        for (var axis = 0; axis < shape.Length; axis++)
        {
            (split[2 * axis], split[(2 * axis) + 1]) = (repeats[axis], shape[axis]);
            if (repeats[axis] != 1)
            {
                axes.Add(2 * axis);
            }
        }

        var graph = context.Graph;
        context.Give(0, graph.Reshape(graph.ReduceSum(graph.Reshape(context.DY, split), axes.ToArray()), shape));
    }

    /// <summary>In inference mode the identity; in training mode dy/(1 - ratio) where the element was kept.</summary>
    private static void Dropout(RuleContext context)
    {
        var training = context.HasInput(2) ? context.Number(2) ?? throw context.Unsupported("its training mode is computed from data") : 0;
        var ratio = context.HasInput(1) ? context.Number(1) ?? throw context.Unsupported("its ratio is computed from data") : 0.5;
        if (training == 0 || ratio == 0)
        {
            context.GiveBroadcast(0, context.BroadcastDY);
            return;
        }

        var mask = context.ExtraOutput(1, TensorElementType.Bool, context.X.Shape);
        context.Give(0, context.Graph.Masked(mask, context.Graph.Mul(context.DY, 1 / (1 - ratio))));
    }

    /// <summary>The operator applied to dy: it draws the same mask again.</summary>
    private static void CounterDropout(RuleContext context)
    {
        var microBatch = new Value(context.Node.Input[1], TensorElementType.Int64, []);
        context.Give(0, context.Graph.Node(
            "CounterDropout", [context.DY, microBatch], context.X.Type, context.X.Shape, node => node.Attribute.AddRange(context.Node.Attribute), KernelLibrary.Domain));
    }
}
