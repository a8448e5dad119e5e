using OrtZero.Autograd.Internal;
using OrtZero.Onnx;

namespace OrtZero.Autograd.Rules;

/// <summary>
/// Reads an image [N, C, H, W] or a volume [N, C, D, H, W] at points, given by one position in pixels [N, P, 1] for each of its axes.
/// </summary>
internal sealed class GridSampler(GraphEmitter graph, Value image, string padding, bool isAligned)
{
    // The coefficient of cubic convolution that PyTorch and ONNX Runtime use for sampling.
    private const double A = -0.75;

    private readonly long[] _lengths = image.Shape[2..];

    private readonly Value _pixels = graph.Transpose(
        graph.Reshape(image, image.Shape[0], image.Shape[1], Shapes.Count(image.Shape.AsSpan(2))), 0, 2, 1);

    /// <summary>A coordinate in [-1, 1] as a position in pixels.</summary>
    public Value Position(Value coordinate, long length) => isAligned
        ? graph.Mul(graph.Add(coordinate, 1), (length - 1) / 2.0)
        : graph.Mul(graph.Add(graph.Mul(graph.Add(coordinate, 1), length), -1), 0.5);

    public Value Nearest(Value[] positions) => ToImage(Pixel([.. Bounded(positions).Select(position => graph.Unary("Round", position))]));

    /// <summary>Between the two neighbours along every axis.</summary>
    public Value Linear(Value[] positions)
    {
        positions = Bounded(positions);
        var first = Array.ConvertAll(positions, position => graph.Unary("Floor", position));
        return ToImage(Blend(0, []));

        Value Blend(int axis, Value[] places) => axis == positions.Length
            ? Pixel(places)
            : Between(
                graph.Sub(positions[axis], first[axis]),
                Blend(axis + 1, [.. places, first[axis]]), Blend(axis + 1, [.. places, graph.Add(first[axis], 1)]));
    }

    /// <summary>Cubic convolution over four by four neighbours, each of which is bounded on its own.</summary>
    public Value Cubic(Value down, Value across)
    {
        var (left, top) = (graph.Unary("Floor", across), graph.Unary("Floor", down));
        var (columns, rows) = (Weights(graph.Sub(across, left)), Weights(graph.Sub(down, top)));
        Value? sum = null;
        for (var i = 0; i < 4; i++)
        {
            Value? row = null;
            for (var j = 0; j < 4; j++)
            {
                var pixel = Pixel(Bounded([graph.Add(top, i - 1), graph.Add(left, j - 1)]));
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

    private Value[] Bounded(Value[] positions) => [.. positions.Select((position, axis) => Bounded(position, _lengths[axis]))];

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
    private Value Pixel(Value[] places)
    {
        Value? index = null;
        Value? inside = null;
        for (var axis = 0; axis < places.Length; axis++)
        {
            var (place, length) = (places[axis], _lengths[axis]);
            var whole = graph.Cast(graph.Clip(place, 0, length - 1), TensorElementType.Int64);
            index = index is null ? whole : graph.Add(graph.Mul(index, graph.Scalar(TensorElementType.Int64, length)), whole);
            var within = graph.And(graph.Greater(place, -0.5), graph.Less(place, length - 0.5));
            inside = inside is null ? within : graph.And(inside, within);
        }

        long[] shape = [index!.Shape[0], index.Shape[1], image.Shape[1]];
        var pixels = graph.GatherElements(_pixels, graph.Expand(index, shape), 1);
        return padding == "zeros" ? graph.Masked(inside!, pixels) : pixels;
    }

    private Value ToImage(Value points) => graph.Transpose(points, 0, 2, 1);
}
