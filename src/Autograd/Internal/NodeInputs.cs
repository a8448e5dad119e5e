using OrtZero.Onnx.Protobuf;

namespace OrtZero.Autograd.Internal;

/// <summary>The values a node reads.</summary>
internal static class NodeInputs
{
    /// <summary>The named inputs, and the outer values that the node's subgraphs (If, Loop, Scan) read.</summary>
    public static IEnumerable<string> Of(NodeProto node) => node.Input.Where(input => input.Length > 0)
        .Concat(node.Attribute.SelectMany(Subgraphs).SelectMany(Captured));

    private static IEnumerable<GraphProto> Subgraphs(AttributeProto attribute) =>
        attribute.G is null ? attribute.Graphs : attribute.Graphs.Prepend(attribute.G);

    private static HashSet<string> Captured(GraphProto graph)
    {
        var inner = new HashSet<string>(graph.Input.Select(input => input.Name), StringComparer.Ordinal);
        inner.UnionWith(graph.Initializer.Select(tensor => tensor.Name));
        inner.UnionWith(graph.Node.SelectMany(node => node.Output));
        var outer = new HashSet<string>(graph.Node.SelectMany(Of), StringComparer.Ordinal);
        outer.UnionWith(graph.Output.Select(output => output.Name));
        outer.ExceptWith(inner);
        return outer;
    }
}
