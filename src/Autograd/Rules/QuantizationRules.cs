using OrtZero.Autograd.Internal;
using OrtZero.Onnx;

namespace OrtZero.Autograd.Rules;

/// <summary>
/// Quantization, trained straight through as PyTorch's fake quantization is: rounding counts as the identity, and saturation stops the
/// gradient. The gradient that lies between the two operators, whose value is an integer, is that of the dequantized number.
/// </summary>
internal static class QuantizationRules
{
    public static void Register(GradientRuleSet rules)
    {
        rules.Add("QuantizeLinear", Quantize);
        rules.Add("DequantizeLinear", Dequantize);
    }

    private static void Quantize(RuleContext context)
    {
        var graph = context.Graph;
        var x = context.X;
        var scale = Along(context, context.Input(1), x);
        var (low, high) = Range(context);
        var exact = graph.Div(x, graph.Cast(scale, x.Type));
        var zero = context.HasInput(2) ? graph.Cast(Along(context, context.Input(2), x), x.Type) : graph.Scalar(x.Type, 0);
        var whole = graph.Add(graph.Unary("Round", exact), zero);
        var inside = graph.And(graph.GreaterOrEqual(whole, graph.Scalar(x.Type, low)), graph.LessOrEqual(whole, graph.Scalar(x.Type, high)));
        var passed = graph.Masked(inside, graph.Cast(context.DY, x.Type));
        context.Give(0, passed);
        if (context.Needs(1))
        {
            context.Give(1, Summed(context, graph.Neg(graph.Mul(passed, exact)), context.Input(1)));
        }
    }

    private static void Dequantize(RuleContext context)
    {
        var graph = context.Graph;
        var dy = context.DY;
        context.Give(0, dy);
        if (!context.Needs(1))
        {
            return;
        }

        var steps = graph.Cast(context.X, dy.Type);
        if (context.HasInput(2))
        {
            steps = graph.Sub(steps, graph.Cast(Along(context, context.Input(2), context.X), dy.Type));
        }

        context.Give(1, Summed(context, graph.Mul(dy, steps), context.Input(1)));
    }

    /// <summary>One number for all, one for each index of an axis, or one for each block along an axis.</summary>
    private static Value Along(RuleContext context, Value numbers, Value x)
    {
        if (BlockSize(context) is var size and not 0)
        {
            // A number for each block of consecutive elements along one axis, the last of which may be cut short.
            var graph = context.Graph;
            var along = context.Axis("axis", 1);
            var shape = numbers.Shape;
            var repeated = graph.Expand(
                graph.Reshape(numbers, [.. shape[..(along + 1)], 1, .. shape[(along + 1)..]]), [.. shape[..(along + 1)], size, .. shape[(along + 1)..]]);
            return graph.Slice(graph.Reshape(repeated, Shapes.With(shape, along, shape[along] * size)), along, 0, x.Shape[along]);
        }

        var axis = context.Axis("axis", 1);
        return Shapes.Count(numbers.Shape) == 1
            ? context.Graph.Reshape(numbers)
            : context.Graph.Reshape(numbers, [numbers.Shape[0], .. Enumerable.Repeat(1L, x.Shape.Length - axis - 1)]);
    }

    private static long BlockSize(RuleContext context) => context.Node.GetInt("block_size", 0);

    private static Value Summed(RuleContext context, Value gradient, Value scale)
    {
        var graph = context.Graph;
        var axis = context.Axis("axis", 1);
        if (BlockSize(context) is var size and not 0)
        {
            var blocks = scale.Shape[axis];
            var after = new long[scale.Shape.Length];
            after[axis] = (blocks * size) - gradient.Shape[axis];
            var padded = graph.Pad(gradient, new long[after.Length], after);
            var split = graph.Reshape(padded, [.. scale.Shape[..(axis + 1)], size, .. scale.Shape[(axis + 1)..]]);
            return graph.Cast(graph.ReduceSum(split, [axis + 1], keep: false), scale.Type);
        }

        long[] axes = [.. Shapes.Range(gradient.Shape.Length).Where(other => other != axis || Shapes.Count(scale.Shape) == 1)];
        return graph.Reshape(graph.Cast(graph.ReduceSum(gradient, axes), scale.Type), scale.Shape);
    }

    private static (double Low, double High) Range(RuleContext context) => context.Y.Type switch
    {
        TensorElementType.Int8 => (sbyte.MinValue, sbyte.MaxValue),
        TensorElementType.UInt8 => (byte.MinValue, byte.MaxValue),
        TensorElementType.Int16 => (short.MinValue, short.MaxValue),
        TensorElementType.UInt16 => (ushort.MinValue, ushort.MaxValue),
        TensorElementType.Int4 => (-8, 7),
        TensorElementType.UInt4 => (0, 15),
        var other => throw context.Unsupported($"quantization to {other} has no gradient rule"),
    };
}
