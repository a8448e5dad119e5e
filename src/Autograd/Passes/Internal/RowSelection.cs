using OrtZero.Onnx;
using OrtZero.Onnx.Protobuf;

namespace OrtZero.Autograd.Internal;

/// <summary>
/// The value that an output is cut out of: models that read pictures and text often end with a Slice, which leaves the scores of the text.
/// Rows that are cut off are as good as rows whose label is ignored.
/// </summary>
/// <param name="Source">The value with all rows.</param>
/// <param name="Rows">For each row of the output its row in the source; <c>null</c> where they are the same.</param>
/// <param name="Nodes">The nodes in between, which nothing else reads.</param>
internal sealed record RowSelection(Value Source, long[]? Rows, IReadOnlyList<NodeProto> Nodes)
{
    /// <summary>Goes back over slices of the rows, and views between them that keep the last axis.</summary>
    public static RowSelection Behind(GraphProto graph, ValueTable values, Value output)
    {
        var index = new GraphIndex(graph);
        var found = new RowSelection(output, null, []);
        var (value, rows, nodes) = (output, Shapes.Range(checked((int)Shapes.Count(output.Shape.AsSpan(..^1)))), new List<NodeProto>());
        while (index.Producer(value.Name) is { Domain: "" or "ai.onnx" } node && (value == output || (index.Consumers(value.Name).Count == 1 && !index.IsOutput(value.Name)))
            && values.TryGet(node.Input[0], out var source) && source.Shape.Length > 1 && source.Shape[^1] == value.Shape[^1])
        {
            nodes.Add(node);
            if (node.OpType == "Slice" && Kept(node, values, source, value) is { } kept)
            {
                rows = Array.ConvertAll(rows, row => kept[row]);
                found = new RowSelection(source, rows, [.. nodes]);
            }
            else if (!RowWise.IsView(node))
            {
                break;
            }

            value = source;
        }

        return found;
    }

    /// <summary>The source's rows that a Slice leaves, in their order; <c>null</c> if it cuts the last axis or by numbers computed from data.</summary>
    private static long[]? Kept(NodeProto node, ValueTable values, Value source, Value result)
    {
        var rank = source.Shape.Length;
        if (Numbers(1) is not { } starts || (Numbers(3) ?? (node.Input.Count > 3 && node.Input[3].Length > 0 ? null : Shapes.Range(starts.Length))) is not { } axes
            || (Numbers(4) ?? (node.Input.Count > 4 && node.Input[4].Length > 0 ? null : [.. Enumerable.Repeat(1L, starts.Length)])) is not { } steps)
        {
            return null;
        }

        var first = new long[rank];
        var step = new long[rank];
        Array.Fill(step, 1);
        for (var i = 0; i < starts.Length; i++)
        {
            var axis = Shapes.Axis(axes[i], rank);
            if (steps[i] <= 0)
            {
                return null;
            }

            var start = starts[i] < 0 ? starts[i] + source.Shape[axis] : starts[i];
            (first[axis], step[axis]) = (Math.Clamp(start, 0, source.Shape[axis]), steps[i]);
        }

        var kept = new long[Shapes.Count(result.Shape.AsSpan(..^1))];
        for (var row = 0L; row < kept.Length; row++)
        {
            var (rest, stride) = (row, 1L);
            for (var axis = rank - 2; axis >= 0; axis--)
            {
                kept[row] += (first[axis] + (rest % result.Shape[axis] * step[axis])) * stride;
                rest /= result.Shape[axis];
                stride *= source.Shape[axis];
            }
        }

        return kept;

        long[]? Numbers(int input) => input < node.Input.Count && node.Input[input].Length > 0 ? values.Constant(node.Input[input])?.ToInt64s() : null;
    }
}
