using OrtZero.Autograd.Internal;
using OrtZero.Onnx;

namespace OrtZero.Autograd.Rules;

/// <summary>Pooling over windows and over all spatial axes.</summary>
internal static class PoolingRules
{
    public static void Register(GradientRuleSet rules)
    {
        rules.Add("MaxPool", MaxPool);
        rules.Add("AveragePool", AveragePool);
        rules.Add("GlobalAveragePool", context => context.GiveBroadcast(
            0, context.Graph.Mul(context.DY, 1.0 / Shapes.Count(context.X.Shape.AsSpan(2)))));
        rules.Add("GlobalMaxPool", GlobalMaxPool);
        rules.Add("LpPool", context => NormPool(context, dy => Spread(context, ConvolutionGeometry.Of(context, context.X.Shape, []), dy)));
        rules.Add("GlobalLpPool", context => NormPool(context, dy => dy));
    }

    /// <summary>The operator itself says which element it took: the first of equal ones, as PyTorch does.</summary>
    private static void MaxPool(RuleContext context)
    {
        var graph = context.Graph;
        var shape = context.X.Shape;
        var isColumnMajor = context.Node.GetInt("storage_order", 0) != 0 && shape.Length > 3;
        if (isColumnMajor && shape.Length > 4)
        {
            throw context.Unsupported("its column-major indices over more than two axes have no gradient rule");
        }

        var images = shape[0] * shape[1];
        var area = Shapes.Count(shape.AsSpan(2));
        var windows = Shapes.Count(context.Y.Shape.AsSpan(2));
        if (graph.Target == OperatorTarget.WebGpu)
        {
            MaxPoolByComparison(context, images, windows);
            return;
        }

        var taken = graph.Reshape(context.ExtraOutput(1, TensorElementType.Int64, context.Y.Shape), images, windows);
        var firsts = graph.Mul(graph.Iota(images, 1), graph.Scalar(TensorElementType.Int64, area));
        var places = graph.Sub(taken, firsts);
        if (isColumnMajor)
        {
            // They count down columns: row + column·height.
            var height = graph.Scalar(TensorElementType.Int64, shape[2]);
            var column = graph.Div(places, height);
            var row = graph.Sub(places, graph.Mul(column, height));
            places = graph.Add(graph.Mul(row, graph.Scalar(TensorElementType.Int64, shape[3])), column);
        }

        var sums = graph.ScatterAdd([images, area], places, graph.Reshape(context.DY, images, windows), 1);
        context.Give(0, graph.Reshape(sums, shape));
    }

    /// <summary>
    /// Where the operator cannot say which element it took: each place of the window is compared with the result from the last to the
    /// first, so that the first of equal ones is left, and its position in the padded input gets the gradient.
    /// </summary>
    private static void MaxPoolByComparison(RuleContext context, long images, long windows)
    {
        var graph = context.Graph;
        var x = context.X;
        var outputs = context.Y.Shape[2..];
        var geometry = ConvolutionGeometry.Of(context, x.Shape, []);
        var rank = geometry.Rank;
        var (before, after, padded) = (new long[rank + 2], new long[rank + 2], new long[rank]);
        for (var i = 0; i < rank; i++)
        {
            var reach = (geometry.Strides[i] * (outputs[i] - 1)) + (geometry.Dilations[i] * (geometry.Kernel[i] - 1)) + 1;
            before[i + 2] = geometry.Before[i];
            after[i + 2] = Math.Max(0, reach - geometry.Before[i] - x.Shape[i + 2]);
            padded[i] = before[i + 2] + x.Shape[i + 2] + after[i + 2];
        }

        var surrounded = before.Concat(after).All(count => count == 0)
            ? x
            : graph.Node(
                "Pad", [x, graph.Integers([.. before, .. after]), graph.Scalar(x.Type, float.MinValue)], x.Type, [.. x.Shape.AsSpan(0, 2), .. padded]);
        var starts = graph.Reals(TensorElementType.Int32, outputs, Positions(outputs, geometry.Strides, padded));
        var offsets = Positions(geometry.Kernel, geometry.Dilations, padded);
        var taken = graph.Add(starts, graph.Scalar(TensorElementType.Int32, offsets[^1]));
        for (var place = offsets.Length - 1; place >= 0; place--)
        {
            var (begin, end) = (new long[rank], new long[rank]);
            for (int i = rank - 1, rest = place; i >= 0; i--)
            {
                begin[i] = rest % geometry.Kernel[i] * geometry.Dilations[i];
                end[i] = begin[i] + (geometry.Strides[i] * (outputs[i] - 1)) + 1;
                rest /= (int)geometry.Kernel[i];
            }

            var part = graph.Node(
                "Slice", [surrounded, graph.Integers(begin), graph.Integers(end), graph.Integers(Shapes.Range(rank + 2).AsSpan(2)), graph.Integers(geometry.Strides)],
                x.Type, context.Y.Shape);
            taken = graph.Where(graph.Equal(part, context.Y), graph.Add(starts, graph.Scalar(TensorElementType.Int32, offsets[place])), taken);
        }

        var sums = graph.ScatterAdd(
            [images, Shapes.Count(padded)], graph.Reshape(graph.Expand(taken, context.Y.Shape), images, windows), graph.Reshape(context.DY, images, windows), 1);
        var spread = graph.Reshape(sums, [.. x.Shape.AsSpan(0, 2), .. padded]);
        for (var i = 0; i < rank; i++)
        {
            spread = graph.Slice(spread, i + 2, before[i + 2], before[i + 2] + x.Shape[i + 2]);
        }

        context.Give(0, spread);
    }

    /// <summary>The flat positions, in an area of the given lengths, of a grid of points that are a step apart along each axis.</summary>
    private static double[] Positions(long[] points, long[] steps, long[] lengths)
    {
        double[] positions = [0];
        for (var i = 0; i < points.Length; i++)
        {
            var (step, length) = (steps[i], lengths[i]);
            var along = Shapes.Range((int)points[i]);
            positions = [.. positions.SelectMany(_ => along, (position, point) => (position * length) + (point * step))];
        }

        return positions;
    }

    /// <summary>Every element of a window gets its share: a transposed convolution with a kernel of ones, channel by channel.</summary>
    private static void AveragePool(RuleContext context)
    {
        var graph = context.Graph;
        var shape = context.X.Shape;
        var geometry = ConvolutionGeometry.Of(context, shape, []);
        var outputs = context.Y.Shape[2..];
        var includePad = context.Node.GetInt("count_include_pad", 0) != 0;
        var share = Shares(geometry, shape[2..], outputs, includePad);
        context.Give(0, Spread(context, geometry, Shapes.Count(share.Shape) == 1
            ? graph.Mul(context.DY, share.Values[0])
            : graph.Mul(context.DY, graph.Reals(context.X.Type, [1, 1, .. share.Shape], share.Values))));
    }

    /// <summary>y = (Σ|x|ᵖ)^(1/p) over each window: dx = sign(x)·|x|ᵖ⁻¹ times the sum of dy·y¹⁻ᵖ over the windows that see x; 0 where y is 0.</summary>
    private static void NormPool(RuleContext context, Func<Value, Value> spread)
    {
        var graph = context.Graph;
        var (x, y) = (context.X, context.Y);
        var power = context.Node.GetInt("p", 2);
        var dy = context.DY;
        if (power != 1)
        {
            var scaled = power == 2 ? graph.Div(dy, y) : graph.Div(dy, graph.Pow(y, graph.Scalar(y.Type, power - 1)));
            dy = graph.Masked(graph.Greater(y, 0), scaled);
        }

        var slope = power switch
        {
            1 => graph.Unary("Sign", x),
            2 => x,
            _ => graph.Mul(graph.Unary("Sign", x), graph.Pow(graph.Unary("Abs", x), graph.Scalar(x.Type, power - 1))),
        };
        context.Give(0, graph.Mul(spread(dy), slope));
    }

    /// <summary>Adds a number per window to all elements that the window sees.</summary>
    private static Value Spread(RuleContext context, ConvolutionGeometry geometry, Value perWindow)
    {
        var graph = context.Graph;
        var shape = context.X.Shape;
        var outputs = context.Y.Shape[2..];
        var images = shape[0] * shape[1];
        long[] ones = [1, 1, .. Enumerable.Repeat(1L, geometry.Rank)];
        var after = new long[geometry.Rank];
        var extra = new long[geometry.Rank];
        for (var i = 0; i < after.Length; i++)
        {
            var reach = (geometry.Strides[i] * (outputs[i] - 1)) + (geometry.Dilations[i] * (geometry.Kernel[i] - 1)) + 1;
            var rest = reach - geometry.Before[i] - shape[i + 2];
            (after[i], extra[i]) = (Math.Max(0, rest), Math.Max(0, -rest));
        }

        var spread = graph.Node(
            "ConvTranspose",
            [graph.Reshape(perWindow, [images, 1, .. outputs]), graph.Filled(context.X.Type, [.. ones.AsSpan(0, 2), .. geometry.Kernel], 1)],
            context.X.Type,
            [images, 1, .. shape.AsSpan(2)],
            node => node.SetInts("kernel_shape", geometry.Kernel).SetInts("strides", geometry.Strides).SetInts("dilations", geometry.Dilations)
                .SetInts("pads", [.. geometry.Before, .. after]).SetInts("output_padding", extra));
        return graph.Reshape(spread, shape);
    }

    /// <summary>One over the number of elements that each window averages: a product of one factor per axis.</summary>
    private static (long[] Shape, double[] Values) Shares(ConvolutionGeometry geometry, long[] inputs, long[] outputs, bool includePad)
    {
        double[] values = [1];
        var isUniform = true;
        for (var i = 0; i < outputs.Length; i++)
        {
            var factors = new double[outputs[i]];
            for (var window = 0; window < factors.Length; window++)
            {
                var count = 0;
                for (var k = 0L; k < geometry.Kernel[i]; k++)
                {
                    var position = (window * geometry.Strides[i]) - geometry.Before[i] + (k * geometry.Dilations[i]);
                    var (low, high) = includePad ? (-geometry.Before[i], inputs[i] + geometry.After[i]) : (0, inputs[i]);
                    count += position >= low && position < high ? 1 : 0;
                }

                factors[window] = 1.0 / Math.Max(1, count);
                isUniform &= factors[window] == factors[0];
            }

            values = [.. values.SelectMany(_ => factors, (before, factor) => before * factor)];
        }

        return isUniform ? ([], [values[0]]) : (outputs, values);
    }

    private static void GlobalMaxPool(RuleContext context)
    {
        var graph = context.Graph;
        var hits = graph.Cast(graph.Equal(context.X, context.Y), context.X.Type);
        var count = graph.ReduceSum(hits, Shapes.Range(context.X.Shape.Length).AsSpan(2));
        context.Give(0, graph.Mul(graph.Div(context.DY, count), hits));
    }
}
