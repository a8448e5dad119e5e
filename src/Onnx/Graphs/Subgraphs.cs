using OrtZero.Onnx.Internal;
using OrtZero.Onnx.Protobuf;

namespace OrtZero.Onnx;

/// <summary>Graphs inside nodes: the branches of If, the bodies of Loop and Scan.</summary>
public static class Subgraphs
{
    /// <summary>The attributes of an If node that hold its branches: the one for a true condition, then the other.</summary>
    public static IReadOnlyList<string> BranchNames { get; } = ["then_branch", "else_branch"];

    /// <summary>Whether the node chooses between two branches.</summary>
    public static bool IsBranching(this NodeProto node)
    {
        ArgumentNullException.ThrowIfNull(node);
        return node is { OpType: "If", Domain: "" or "ai.onnx", Input.Count: 1 } && BranchNames.All(name => node.FindAttribute(name)?.G is not null);
    }

    /// <summary>A branch of an If node.</summary>
    public static GraphProto Branch(this NodeProto node, string name)
    {
        ArgumentNullException.ThrowIfNull(node);
        return node.FindAttribute(name)?.G
            ?? throw new OnnxFormatException($"Node {node.Describe()} has no '{name}', without which it is no If; export the model again.");
    }

    /// <summary>The names that a graph uses, in its own subgraphs too, but does not define; each once, in the order of their use.</summary>
    public static IReadOnlyList<string> Captures(this GraphProto graph)
    {
        ArgumentNullException.ThrowIfNull(graph);
        return [.. SubgraphScope.Captures(graph).Distinct(StringComparer.Ordinal)];
    }

    /// <summary>
    /// The graph with the nodes of all branches beside its own, under names of their own, for questions about who reads what. It shares
    /// everything with the original and is not to be edited; a graph without branches comes back as it is.
    /// </summary>
    public static GraphProto WithBranches(this GraphProto graph)
    {
        ArgumentNullException.ThrowIfNull(graph);
        if (!graph.Node.Any(IsBranching))
        {
            return graph;
        }

        var all = new GraphProto { Name = graph.Name };
        all.Input.AddRange(graph.Input);
        all.Output.AddRange(graph.Output);
        all.Initializer.AddRange(graph.Initializer);
        all.SparseInitializer.AddRange(graph.SparseInitializer);
        AddNodes(all, graph.Node, new NameAllocator(graph));
        return all;
    }

    private static void AddNodes(GraphProto all, IEnumerable<NodeProto> nodes, NameAllocator names)
    {
        foreach (var node in nodes)
        {
            foreach (var branch in node.IsBranching() ? BranchNames.Select(name => node.Branch(name).Clone()) : [])
            {
                string[] defined = [.. branch.Initializer.Select(tensor => tensor.Name), .. branch.Node.SelectMany(inner => inner.Output)];
                foreach (var name in defined.Where(name => name.Length > 0))
                {
                    branch.RenameValue(name, names.Unique(name));
                }

                all.Initializer.AddRange(branch.Initializer);
                AddNodes(all, branch.Node, names);
            }

            all.Node.Add(node);
        }
    }
}
