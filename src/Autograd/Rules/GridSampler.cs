using OrtZero.Autograd.Internal;
using OrtZero.Onnx;

namespace OrtZero.Autograd.Rules;

/// <summary>Reads an image [N, C, H, W] at points given in pixels, [N, P, 1] each.</summary>
internal sealed class GridSampler(GraphEmitter graph, Value image, string padding, bool isAligned)
{
    // The coefficient of cubic convolution that PyTorch and ONNX Runtime use for sampling.
    private const double A = -0.75;

    private readonly Value _pixels = graph.Transpose(
        graph.Reshape(image, image.Shape[0], image.Shape[1], image.Shape[2] * image.Shape[3]), 0, 2, 1);

    /// <summary>A coordinate in [-1, 1] as a position in pixels.</summary>
    public Value Position(Value coordinate, long length) => isAligned
        ? graph.Mul(graph.Add(coordinate, 1), (length - 1) / 2.0)
        : graph.Mul(graph.Add(graph.Mul(graph.Add(coordinate, 1), length), -1), 0.5);

    public Value Nearest(Value across, Value down) =>
        ToImage(Pixel(graph.Unary("Round", Bounded(across, image.Shape[3])), graph.Unary("Round", Bounded(down, image.Shape[2]))));

    public Value Linear(Value across, Value down)
    {
        across = Bounded(across, image.Shape[3]);
        down = Bounded(down, image.Shape[2]);
        var (left, top) = (graph.Unary("Floor", across), graph.Unary("Floor", down));
        var (dx, dy) = (graph.Sub(across, left), graph.Sub(down, top));
        var upper = Between(dx, Pixel(left, top), Pixel(graph.Add(left, 1), top));
        var lower = Between(dx, Pixel(left, graph.Add(top, 1)), Pixel(graph.Add(left, 1), graph.Add(top, 1)));
        return ToImage(Between(dy, upper, lower));
    }

    /// <summary>Cubic convolution over four by four neighbours, each of which is bounded on its own.</summary>
    public Value Cubic(Value across, Value down)
    {
        var (left, top) = (graph.Unary("Floor", across), graph.Unary("Floor", down));
        var (columns, rows) = (Weights(graph.Sub(across, left)), Weights(graph.Sub(down, top)));
        Value? sum = null;
        for (var i = 0; i < 4; i++)
        {
            Value? row = null;
            for (var j = 0; j < 4; j++)
            {
                var pixel = Pixel(Bounded(graph.Add(left, j - 1), image.Shape[3]), Bounded(graph.Add(top, i - 1), image.Shape[2]));
                var term = graph.Mul(columns[j], pixel);
                row = row is null ? term : graph.Add(row, term);
            }

            var weighted = graph.Mul(rows[i], row!);
            sum = sum is null ? weighted : graph.Add(sum, weighted);
        }

        return ToImage(sum!);
    }

    private Value Between(Value part, Value first, Value second) =>
        graph.Add(graph.Mul(first, graph.Sub(1, part)), graph.Mul(second, part));

    private Value[] Weights(Value t)
    {
        return [Outer(graph.Add(t, 1)), Inner(t), Inner(graph.Sub(1, t)), Outer(graph.Sub(2, t))];

        // ((a+2)d - (a+3))d² + 1 up to distance 1, ((a·d - 5a)d + 8a)d - 4a up to 2.
        Value Inner(Value d) => graph.Add(graph.Mul(graph.Add(graph.Mul(d, A + 2), -(A + 3)), graph.Square(d)), 1);
        Value Outer(Value d) => graph.Add(graph.Mul(graph.Add(graph.Mul(graph.Add(graph.Mul(d, A), -5 * A), d), 8 * A), d), -4 * A);
    }

    /// <summary>Border and reflection keep positions inside the image; with zeros they stay where they are.</summary>
    private Value Bounded(Value position, long length)
    {
        if (padding == "zeros")
        {
            return position;
        }

        if (padding == "reflection")
        {
            var (low, span) = isAligned ? (0.0, length - 1.0) : (-0.5, length);
            if (span == 0)
            {
                return graph.Mul(position, 0);
            }

            // A triangle wave: the distance to the nearest even multiple of the span.
            var distance = graph.Unary("Abs", graph.Add(position, -low));
            var turns = graph.Mul(graph.Unary("Floor", graph.Mul(graph.Add(distance, span), 1 / (2 * span))), 2 * span);
            position = graph.Add(graph.Unary("Abs", graph.Sub(distance, turns)), low);
        }

        return graph.Clip(position, 0, length - 1);
    }

    /// <summary>The pixels [N, P, C] at whole positions, and zeros outside the image.</summary>
    private Value Pixel(Value across, Value down)
    {
        var (height, width) = (image.Shape[2], image.Shape[3]);
        var row = graph.Cast(graph.Clip(down, 0, height - 1), TensorElementType.Int64);
        var column = graph.Cast(graph.Clip(across, 0, width - 1), TensorElementType.Int64);
        var index = graph.Add(graph.Mul(row, graph.Scalar(TensorElementType.Int64, width)), column);
        long[] shape = [index.Shape[0], index.Shape[1], image.Shape[1]];
        var pixels = graph.GatherElements(_pixels, graph.Expand(index, shape), 1);
        if (padding != "zeros")
        {
            return pixels;
        }

        var inside = graph.And(
            graph.And(graph.Greater(across, -0.5), graph.Less(across, width - 0.5)), graph.And(graph.Greater(down, -0.5), graph.Less(down, height - 0.5)));
        return graph.Masked(inside, pixels);
    }

    private Value ToImage(Value points) => graph.Transpose(points, 0, 2, 1);
}
