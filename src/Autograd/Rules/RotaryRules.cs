using OrtZero.Autograd.Internal;
using OrtZero.Onnx;

namespace OrtZero.Autograd.Rules;

/// <summary>Rotary position embedding.</summary>
internal static class RotaryRules
{
    public static void Register(GradientRuleSet rules)
    {
        // The standard operator takes X, cos, sin, positions; com.microsoft's X, positions, cos, sin.
        rules.AddLowering("RotaryEmbedding", context => Lower(context, 1, 2, 3));
        rules.AddLowering("RotaryEmbedding", context => Lower(context, 2, 3, 1), "com.microsoft");
    }

    private static bool Lower(LoweringContext context, int cosIndex, int sinIndex, int positionIndex)
    {
        var graph = context.Graph;
        var node = context.Node;
        var x = context.X;
        var isFlat = x.Shape.Length == 3;
        var (cos, sin) = (context.Input(cosIndex), context.Input(sinIndex));
        var heads = node.GetInt("num_heads", 0);
        heads = heads > 0 ? heads : x.Shape[^1] / (2 * cos.Shape[^1]);
        var split = isFlat ? AttentionCore.Split(graph, x, heads) : x;
        if (context.OptionalInput(positionIndex) is { } positions)
        {
            if (Shapes.Count(positions.Shape) == 1 && split.Shape[2] != 1)
            {
                // com.microsoft: the position of the first element.
                positions = graph.Add(graph.Reshape(positions, 1, 1), graph.Iota(1, split.Shape[2]));
            }

            (cos, sin) = (At(graph, cos, positions), At(graph, sin, positions));
        }
        else
        {
            (cos, sin) = (OverHeads(graph, cos), OverHeads(graph, sin));
        }

        var rotated = RotateFirst(graph, split, cos, sin, node.GetInt("interleaved", 0) != 0);
        context.Return(0, isFlat ? AttentionCore.Join(graph, rotated) : rotated);
        return true;
    }

    /// <summary>The rows [B or 1, 1, S, D/2] of a table [P, D/2] at positions [B or 1, S].</summary>
    public static Value At(GraphEmitter graph, Value table, Value positions) =>
        OverHeads(graph, graph.Gather(table, positions, 0));

    /// <summary>Turns as much of the last axis as there are angles for.</summary>
    public static Value RotateFirst(GraphEmitter graph, Value x, Value cos, Value sin, bool isInterleaved)
    {
        var width = 2 * cos.Shape[^1];
        var rotated = Rotate(graph, graph.Slice(x, 3, 0, width), cos, sin, isInterleaved);
        return width == x.Shape[3] ? rotated : graph.Concat([rotated, graph.Slice(x, 3, width, x.Shape[3])], 3);
    }

    /// <summary>Turns pairs of elements by an angle each: halves of the last axis, or neighbours where interleaved.</summary>
    private static Value Rotate(GraphEmitter graph, Value x, Value cos, Value sin, bool isInterleaved)
    {
        var half = x.Shape[3] / 2;
        Value first;
        Value second;
        if (isInterleaved)
        {
            var pairs = graph.Reshape(x, [.. x.Shape.AsSpan(0, 3), half, 2]);
            (first, second) = (graph.Reshape(graph.Slice(pairs, 4, 0, 1), Shapes.With(x.Shape, 3, half)), graph.Reshape(graph.Slice(pairs, 4, 1, 2), Shapes.With(x.Shape, 3, half)));
        }
        else
        {
            (first, second) = (graph.Slice(x, 3, 0, half), graph.Slice(x, 3, half, 2 * half));
        }

        var real = graph.Sub(graph.Mul(first, cos), graph.Mul(second, sin));
        var imaginary = graph.Add(graph.Mul(first, sin), graph.Mul(second, cos));
        if (!isInterleaved)
        {
            return graph.Concat([real, imaginary], 3);
        }

        long[] column = [.. real.Shape, 1];
        return graph.Reshape(graph.Concat([graph.Reshape(real, column), graph.Reshape(imaginary, column)], 4), x.Shape);
    }

    private static Value OverHeads(GraphEmitter graph, Value table) => graph.Reshape(table, table.Shape[0], 1, table.Shape[1], table.Shape[2]);
}
