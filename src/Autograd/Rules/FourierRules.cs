using OrtZero.Autograd.Internal;
using OrtZero.Onnx;

namespace OrtZero.Autograd.Rules;

/// <summary>Fourier transforms, written as products with matrices of cosines and sines. Complex numbers are a last axis of length 2.</summary>
internal static class FourierRules
{
    public static void Register(GradientRuleSet rules)
    {
        rules.AddLowering("DFT", Transform);
        rules.AddLowering("STFT", ShortTimeTransform);
    }

    private static bool Transform(LoweringContext context)
    {
        var graph = context.Graph;
        var node = context.Node;
        var x = context.X;
        var rank = x.Shape.Length;

        // Set 20 made the axis an input, and counts it from the end by default.
        var axis = Shapes.Axis(
            context.HasInput(2) ? context.Integers(2)[0] : node.FindAttribute("axis") is null && graph.Opset >= 20 ? -2 : node.GetInt("axis", 1), rank);
        var isInverse = node.GetInt("inverse", 0) != 0;
        var isHalf = node.GetInt("onesided", 0) != 0;
        if (isInverse && isHalf)
        {
            throw context.Unsupported("the inverse of a onesided transform has no gradient rule (complete the spectrum first, and leave onesided 0)");
        }

        var length = context.HasInput(1) ? context.Integers(1)[0] : x.Shape[axis];
        if (length < x.Shape[axis])
        {
            x = graph.Slice(x, axis, 0, length);
        }
        else if (length > x.Shape[axis])
        {
            var after = new long[rank];
            after[axis] = length - x.Shape[axis];
            x = graph.Pad(x, new long[rank], after);
        }

        long[] flat = [Shapes.Count(x.Shape.AsSpan(0, axis)), length, Shapes.Count(x.Shape.AsSpan((axis + 1)..^1))];
        var (real, imaginary) = Parts(graph, x, flat);
        var bins = isHalf ? (length / 2) + 1 : length;
        long[] shape = [.. Shapes.With(x.Shape, axis, bins).AsSpan(..^1), 1];
        var (cosines, sines) = Waves(graph, x.Type, bins, length, isInverse);
        var (re, im) = (graph.MatMul(cosines, real), graph.MatMul(sines, real));
        if (imaginary is not null)
        {
            re = graph.Sub(re, graph.MatMul(sines, imaginary));
            im = graph.Add(im, graph.MatMul(cosines, imaginary));
        }

        context.Return(0, graph.Concat([graph.Reshape(re, shape), graph.Reshape(im, shape)], rank - 1));
        return true;
    }

    /// <summary>Windows of the signal [B, L, 1], a step apart, transformed each: [B, windows, bins, 2].</summary>
    private static bool ShortTimeTransform(LoweringContext context)
    {
        var graph = context.Graph;
        var signal = context.X;
        var window = context.OptionalInput(2);
        var length = context.HasInput(3) ? context.Integers(3)[0] : window?.Shape[0] ?? throw context.Unsupported("it has neither a window nor a frame length");
        if (signal.Shape is [_, _, 2])
        {
            throw context.Unsupported("a complex signal has no gradient rule (transform its parts one by one)");
        }

        var step = context.Integers(1)[0];
        var (batch, samples) = (signal.Shape[0], signal.Shape[1]);
        var frames = ((samples - length) / step) + 1;
        long[] places = [.. from frame in Shapes.Range((int)frames) from offset in Shapes.Range((int)length) select (frame * step) + offset];
        var cut = graph.Gather(graph.Reshape(signal, batch, samples), graph.Integers(places), 1);
        var rows = graph.Reshape(cut, batch * frames, length);
        if (window is not null)
        {
            rows = graph.Mul(rows, window);
        }

        var bins = context.Node.GetInt("onesided", 1) != 0 ? (length / 2) + 1 : length;
        var (cosines, sines) = Waves(graph, signal.Type, bins, length, isInverse: false);
        long[] shape = [batch, frames, bins, 1];
        context.Return(0, graph.Concat(
            [graph.Reshape(graph.MatMul(rows, cosines, transposeB: true), shape), graph.Reshape(graph.MatMul(rows, sines, transposeB: true), shape)], 3));
        return true;
    }

    private static (Value Real, Value? Imaginary) Parts(GraphEmitter graph, Value x, long[] flat)
    {
        var last = x.Shape.Length - 1;
        return x.Shape[last] == 1
            ? (graph.Reshape(x, flat), null)
            : (graph.Reshape(graph.Slice(x, last, 0, 1), flat), graph.Reshape(graph.Slice(x, last, 1, 2), flat));
    }

    /// <summary>exp(∓2πi·k·t/n), [bins, n]: real and imaginary part; the inverse divides by n.</summary>
    private static (Value Cosines, Value Sines) Waves(GraphEmitter graph, TensorElementType type, long bins, long length, bool isInverse)
    {
        var cosines = new double[bins * length];
        var sines = new double[bins * length];
        var size = isInverse ? 1.0 / length : 1;
        for (var k = 0L; k < bins; k++)
        {
            for (var t = 0L; t < length; t++)
            {
                var angle = 2 * Math.PI * (k * t % length) / length;
                cosines[(k * length) + t] = size * Math.Cos(angle);
                sines[(k * length) + t] = (isInverse ? size : -size) * Math.Sin(angle);
            }
        }

        return (graph.Reals(type, [bins, length], cosines), graph.Reals(type, [bins, length], sines));
    }
}
