using OrtZero.Onnx.Protobuf;

namespace OrtZero.Onnx.Internal;

/// <summary>
/// Moves the real-valued initializers of the branches of If nodes to the model itself, where parameters are. What they are used for stays
/// the same, for a branch sees everything around it.
/// </summary>
internal static class BranchInitializers
{
    public static void Run(ImportSession session)
    {
        foreach (var node in session.Graph.Node.Where(Subgraphs.IsBranching))
        {
            Run(session, node, node);
        }
    }

    private static void Run(ImportSession session, NodeProto outermost, NodeProto node)
    {
        foreach (var branch in Subgraphs.BranchNames.Select(node.Branch))
        {
            foreach (var tensor in branch.Initializer.Where(tensor => tensor.ElementType().IsFloatingPoint()).ToArray())
            {
                Move(session, outermost, branch, tensor);
            }

            foreach (var inner in branch.Node.Where(Subgraphs.IsBranching))
            {
                Run(session, outermost, inner);
            }
        }
    }

    private static void Move(ImportSession session, NodeProto node, GraphProto branch, TensorProto tensor)
    {
        var graph = session.Graph;
        var origin = tensor.Name;
        var isKnown = graph.FindInitializer(origin) is { } present && present.Equals(tensor);
        var name = SubgraphScope.Defines(graph, origin) && !isKnown ? session.Names.Unique(origin) : origin;
        branch.RenameValue(origin, name);
        branch.Initializer.Remove(tensor);
        foreach (var output in branch.Output.Where(output => output.Name == name))
        {
            // A branch may not return a value from around it as it is.
            output.Name = session.Names.Unique($"{name}_returned");
            branch.Node.Add(NodeFactory.Create("Identity", [name], [output.Name], output.Name));
        }

        if (isKnown)
        {
            session.Messages.Add($"Initializer '{origin}' is stored in several branches with the same values; it is one parameter.");
            return;
        }

        graph.Initializer.Add(tensor);
        if (name == origin)
        {
            session.Messages.Add($"Initializer '{name}' of a branch of node {node.Describe()} belongs to the model now, so that it can be trained.");
        }
        else
        {
            session.Origins[name] = origin;
            session.Messages.Add(
                $"Initializer '{origin}' of a branch of node {node.Describe()} belongs to the model now, as '{name}', since the model has another of its name.");
        }
    }
}
