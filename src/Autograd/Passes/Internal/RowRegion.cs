using OrtZero.Onnx;
using OrtZero.Onnx.Protobuf;

namespace OrtZero.Autograd.Internal;

/// <summary>
/// The end of a model that works row by row: from an output back, every node that reads rows one by one and whose result nothing else reads.
/// </summary>
internal sealed class RowRegion
{
    private readonly Dictionary<string, int> _axes = new(StringComparer.Ordinal);
    private readonly Dictionary<NodeProto, int[]> _nodes = new(ReferenceEqualityComparer.Instance);

    private RowRegion()
    {
    }

    /// <summary>The nodes, in the order of the graph.</summary>
    public required IReadOnlyList<NodeProto> Nodes { get; init; }

    /// <summary>What the nodes read by rows and do not compute, in the order of reading.</summary>
    public IReadOnlyList<string> Sources { get; private set; } = [];

    /// <summary>How many of a value's first axes count rows.</summary>
    public int Axes(string value) => _axes[value];

    /// <summary>Whether a node reads the rows of an input, rather than the whole of it.</summary>
    public bool ReadsRows(NodeProto node, int input) => _nodes[node][input] > 0;

    /// <summary>The region, or <c>null</c> if it has no matrix product and so would save nothing worth the gathering.</summary>
    /// <param name="graph">The graph, sorted.</param>
    /// <param name="values">Types, shapes and constants.</param>
    /// <param name="opset">The version of the default operator set.</param>
    /// <param name="output">The value at the end, whose last axis is not one of the rows'.</param>
    /// <param name="behind">Nodes that read it and will be left out.</param>
    public static RowRegion? Find(GraphProto graph, ValueTable values, long opset, Value output, IReadOnlyList<NodeProto> behind)
    {
        var rows = Shapes.Count(output.Shape.AsSpan(..^1));
        var rule = new RowWise(values, opset, rows);
        var index = new GraphIndex(graph);
        var nodes = new List<NodeProto>();
        var region = new RowRegion { Nodes = nodes };
        region._axes[output.Name] = output.Shape.Length - 1;
        var left = behind.ToHashSet<NodeProto>(ReferenceEqualityComparer.Instance);
        foreach (var node in graph.Node.Reverse())
        {
            if (region._axes.TryGetValue(node.Output[0], out var axes) && region.IsReadByRowsOnly(index, node, output.Name, left)
                && rule.Axes(node, axes) is { } inputs && region.TryNote(node, inputs))
            {
                region._nodes.Add(node, inputs);
                nodes.Add(node);
            }
        }

        nodes.Reverse();
        DropViews(nodes);
        region.Sources = [.. nodes.SelectMany(node => node.Input.Where((_, i) => region.ReadsRows(node, i))).Distinct(StringComparer.Ordinal)
            .Except(nodes.Select(node => node.Output[0]), StringComparer.Ordinal)];
        return nodes.Exists(node => node.OpType is "MatMul" or "Gemm") ? region : null;
    }

    private bool IsReadByRowsOnly(GraphIndex index, NodeProto node, string output, HashSet<NodeProto> left) =>
        node.Output.Skip(1).All(name => name.Length == 0 || (index.Consumers(name).Count == 0 && !index.IsOutput(name)))
        && (node.Output[0] == output || !index.IsOutput(node.Output[0]))
        && index.Consumers(node.Output[0]).All(consumer => left.Contains(consumer) || (_nodes.TryGetValue(consumer, out var inputs)
            && consumer.Input.Zip(inputs).All(pair => pair.First != node.Output[0] || pair.Second > 0)));

    private bool TryNote(NodeProto node, int[] inputs)
    {
        if (node.Input.Zip(inputs).Any(pair => pair.Second > 0 && _axes.TryGetValue(pair.First, out var other) && other != pair.Second))
        {
            return false;
        }

        foreach (var (name, axes) in node.Input.Zip(inputs).Where(pair => pair.Second > 0))
        {
            _axes[name] = axes;
        }

        return true;
    }

    /// <summary>Rows may as well be gathered behind a view as before it.</summary>
    private static void DropViews(List<NodeProto> nodes)
    {
        var computed = new HashSet<string>(StringComparer.Ordinal);
        nodes.RemoveAll(node =>
        {
            if ((RowWise.IsView(node) || node.OpType is "Identity" or "Dropout") && !computed.Contains(node.Input[0]))
            {
                return true;
            }

            computed.Add(node.Output[0]);
            return false;
        });
    }
}
