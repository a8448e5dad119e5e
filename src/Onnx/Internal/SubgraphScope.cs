using OrtZero.Onnx.Protobuf;

namespace OrtZero.Onnx.Internal;

/// <summary>Names that cross the border between a graph and the subgraphs of its nodes.</summary>
internal static class SubgraphScope
{
    /// <summary>The names that a node's subgraphs use but do not define; they come from the graphs around.</summary>
    public static IEnumerable<string> Captures(NodeProto node) => TensorWalker.Subgraphs(node).SelectMany(Captures);

    /// <summary>Whether a graph defines the name itself, hiding one of the same name outside.</summary>
    public static bool Defines(GraphProto graph, string name) =>
        graph.Input.Any(input => input.Name == name)
        || graph.Initializer.Any(tensor => tensor.Name == name)
        || graph.SparseInitializer.Any(tensor => tensor.Values?.Name == name)
        || graph.Node.Any(node => node.Output.Contains(name));

    /// <summary>The names that a graph uses but does not define, once for each use.</summary>
    public static IEnumerable<string> Captures(GraphProto graph)
    {
        var own = new HashSet<string>(StringComparer.Ordinal);
        own.UnionWith(graph.Input.Select(input => input.Name));
        own.UnionWith(graph.Initializer.Select(tensor => tensor.Name));
        own.UnionWith(graph.SparseInitializer.Select(tensor => tensor.Values?.Name ?? ""));
        own.UnionWith(graph.Node.SelectMany(node => node.Output));
        return graph.Node.SelectMany(node => node.Input.Concat(Captures(node)))
            .Concat(graph.Output.Select(output => output.Name))
            .Where(name => name.Length > 0 && !own.Contains(name));
    }
}
