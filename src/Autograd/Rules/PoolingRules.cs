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
