using OrtZero.Autograd.Internal;
using OrtZero.Onnx;

namespace OrtZero.Autograd.Rules;

/// <summary>Convolutions.</summary>
internal static class ConvolutionRules
{
    public static void Register(GradientRuleSet rules)
    {
        rules.Add("Conv", Conv);
        rules.Add("ConvTranspose", ConvTranspose);
    }

    /// <summary>dX is a transposed convolution of dY with W, dB the sum of dY over all but the channels; dW see <see cref="WeightGradient"/>.</summary>
    private static void Conv(RuleContext context)
    {
        var graph = context.Graph;
        var dy = context.DY;
        var geometry = ConvolutionGeometry.Of(context, context.X.Shape, context.Input(1).Shape);
        if (context.Needs(0))
        {
            context.Give(0, InputGradient(graph, dy, context.Input(1), context.X.Shape, geometry));
        }

        if (context.Needs(1))
        {
            context.Give(1, WeightGradient(graph, dy, context.X, context.Input(1).Shape, geometry));
        }

        if (context.Needs(2))
        {
            context.Give(2, graph.ReduceSum(dy, [.. Shapes.Range(dy.Shape.Length).Where(axis => axis != 1)], keep: false));
        }
    }

    /// <summary>The roles of input and output are exchanged: dX is a convolution of dY with W, and dW that of a convolution from dY to X.</summary>
    private static void ConvTranspose(RuleContext context)
    {
        var graph = context.Graph;
        var dy = context.DY;
        var shape = context.X.Shape;
        var weight = context.Input(1);
        var geometry = ConvolutionGeometry.OfTransposed(context, shape, context.Y.Shape, weight.Shape);
        if (context.Needs(0))
        {
            long[] produced = [shape[0], shape[1], .. geometry.OutputOf(dy.Shape.AsSpan(2))];
            var result = graph.Node("Conv", [dy, weight], dy.Type, produced, geometry.Write);
            for (var axis = 2; axis < shape.Length; axis++)
            {
                result = graph.Slice(result, axis, 0, shape[axis]);
            }

            context.Give(0, result);
        }

        if (context.Needs(1))
        {
            context.Give(1, WeightGradient(graph, context.X, dy, weight.Shape, geometry));
        }

        if (context.Needs(2))
        {
            context.Give(2, graph.ReduceSum(dy, [.. Shapes.Range(dy.Shape.Length).Where(axis => axis != 1)], keep: false));
        }
    }

    private static Value InputGradient(GraphEmitter graph, Value dy, Value weight, long[] shape, ConvolutionGeometry geometry)
    {
        if (geometry.IsPointwise && geometry.Group == 1)
        {
            // A 1x1 kernel is a matrix product per sample.
            var matrix = graph.Reshape(weight, weight.Shape[0], weight.Shape[1]);
            var columns = graph.Reshape(dy, dy.Shape[0], dy.Shape[1], Shapes.Count(dy.Shape.AsSpan(2)));
            return graph.Reshape(graph.MatMul(graph.Transpose(matrix, 1, 0), columns), shape);
        }

        // The output of a strided convolution does not tell how many inputs its last step left over.
        var leftOver = new long[geometry.Rank];
        for (var i = 0; i < leftOver.Length; i++)
        {
            var span = shape[i + 2] + geometry.Before[i] + geometry.After[i] - ((geometry.Dilations[i] * (geometry.Kernel[i] - 1)) + 1);
            leftOver[i] = span % geometry.Strides[i];
        }

        return graph.Node(
            "ConvTranspose", [dy, weight], dy.Type, shape,
            node =>
            {
                geometry.Write(node);
                if (leftOver.Any(count => count != 0))
                {
                    node.SetInts("output_padding", leftOver);
                }
            });
    }

    /// <summary>
    /// dW[m, c, k] = Σ over samples and positions p of dY[m, p]·X[c, p·stride + k·dilation - pad]: a convolution of X with dY as kernel, in
    /// which samples play the part of input channels, and stride and dilation change places.
    /// </summary>
    private static Value WeightGradient(GraphEmitter graph, Value dy, Value x, long[] shape, ConvolutionGeometry geometry)
    {
        var samples = x.Shape[0];
        var channels = dy.Shape[1];
        if (geometry.Group == 1 && geometry.IsTiling(x.Shape, dy.Shape))
        {
            return PatchWeightGradient(graph, dy, x, shape, geometry);
        }

        var inner = shape[1];
        var spatial = x.Shape[2..];
        var rest = Enumerable.Range(3, geometry.Rank).Select(axis => (long)axis);
        var grouped = graph.Reshape(x, [samples, geometry.Group, inner, .. spatial]);
        var image = graph.Reshape(graph.Transpose(grouped, [2, 1, 0, .. rest]), [inner, geometry.Group * samples, .. spatial]);
        long[] swap = [1, 0, .. Enumerable.Range(2, geometry.Rank).Select(axis => (long)axis)];
        var kernel = graph.Transpose(dy, swap);
        var produced = new long[geometry.Rank];
        for (var i = 0; i < produced.Length; i++)
        {
            var span = spatial[i] + geometry.Before[i] + geometry.After[i] - (((dy.Shape[i + 2] - 1) * geometry.Strides[i]) + 1);
            produced[i] = (span / geometry.Dilations[i]) + 1;
        }

        var result = graph.Node(
            "Conv", [image, kernel], x.Type, [inner, channels, .. produced],
            node => node.SetInts("kernel_shape", dy.Shape.AsSpan(2)).SetInts("strides", geometry.Dilations).SetInts("dilations", geometry.Strides)
                .SetInts("pads", [.. geometry.Before, .. geometry.After]).SetInt("group", geometry.Group));
        for (var i = 0; i < produced.Length; i++)
        {
            result = graph.Slice(result, i + 2, 0, geometry.Kernel[i]);
        }

        return graph.Transpose(result, swap);
    }

    /// <summary>Where the kernel steps by its own size (patch embedding; 1x1), patches are rows of one matrix product with dY.</summary>
    private static Value PatchWeightGradient(GraphEmitter graph, Value dy, Value x, long[] shape, ConvolutionGeometry geometry)
    {
        var rank = geometry.Rank;
        List<long> split = [x.Shape[0], x.Shape[1]];
        for (var i = 0; i < rank; i++)
        {
            split.Add(dy.Shape[i + 2]);
            split.Add(geometry.Kernel[i]);
        }

        // [sample, channel, o1, k1, o2, k2, ..] to [sample, o1, o2, .., channel, k1, k2, ..]
        long[] permutation =
        [
            0, .. Enumerable.Range(0, rank).Select(i => 2L + (2 * i)), 1, .. Enumerable.Range(0, rank).Select(i => 3L + (2 * i)),
        ];
        var rows = x.Shape[0] * Shapes.Count(dy.Shape.AsSpan(2));
        var patches = graph.Reshape(
            graph.Transpose(graph.Reshape(x, [.. split]), permutation), rows, Shapes.Count(shape.AsSpan(1)));
        var gradients = graph.Reshape(
            graph.Transpose(dy, [0, .. Enumerable.Range(2, rank).Select(axis => (long)axis), 1]), rows, dy.Shape[1]);
        return graph.Reshape(graph.MatMul(gradients, patches, transposeA: true), shape);
    }
}
