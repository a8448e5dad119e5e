using OrtZero.Onnx.Protobuf;

namespace OrtZero.Onnx.Internal;

/// <summary>
/// PyTorch's exporter keeps one of several parameters that happen to be equal when exporting (all fresh norm weights are 1) and
/// lets Identity nodes produce the others. Trained like that they would stay equal forever; here each becomes its own initializer.
/// </summary>
internal static class IdentityUntier
{
    public static void Run(ImportSession session)
    {
        var graph = session.Graph;

        // Identities of Identities come off layer by layer.
        while (true)
        {
            var index = new GraphIndex(graph);
            var groups = graph.Node
                .Where(node => IsUntied(node, index))
                .GroupBy(node => node.Input[0], StringComparer.Ordinal)
                .ToList();
            if (groups.Count == 0)
            {
                return;
            }

            foreach (var group in groups)
            {
                Untie(session, index, index.Initializer(group.Key)!, [.. group]);
            }
        }
    }

    // An Identity whose output is a graph output gives the model's result its name and stays.
    private static bool IsUntied(NodeProto node, GraphIndex index) =>
        node is { OpType: "Identity", Domain: "" or "ai.onnx", Input.Count: 1, Output.Count: 1 }
        && index.Initializer(node.Input[0]) is { } tensor
        && tensor.ElementType().IsFloatingPoint()
        && !index.IsOutput(node.Output[0]);

    private static void Untie(ImportSession session, GraphIndex index, TensorProto shared, NodeProto[] identities)
    {
        var graph = session.Graph;
        var origin = session.OriginOf(shared.Name);
        var usedItself = index.IsOutput(shared.Name) || index.Consumers(shared.Name).Count > identities.Length;
        var sharedRole = Role(index, shared.Name);
        var copies = new List<TensorProto>();
        foreach (var identity in identities)
        {
            var name = identity.Output[0];
            if (usedItself && IsRealTie(shared, sharedRole, Role(index, name)))
            {
                graph.ReplaceAllUses(name, shared.Name);
                session.Messages.Add($"Parameters '{shared.Name}' and '{name}' are an embedding table and an output layer of the same values, so they stay tied as '{shared.Name}'.");
                continue;
            }

            var copy = shared.Clone();
            copy.Name = name;
            copies.Add(copy);
            session.Origins[name] = origin;
            session.Messages.Add(usedItself || identities.Length > 1
                ? $"Parameter '{name}' shared the initializer '{shared.Name}' only because their values were equal; it is trained on its own now."
                : $"Parameter '{name}' was stored as '{shared.Name}' behind an Identity; it has its own name again.");
        }

        var removed = new HashSet<NodeProto>(identities, ReferenceEqualityComparer.Instance);
        graph.Node.RemoveWhere(removed.Contains);
        var position = graph.Initializer.IndexOf(shared);
        if (!usedItself)
        {
            graph.Initializer.RemoveAt(position);
            session.Names.Release(shared.Name);
            session.Origins.Remove(shared.Name);
            position--;
        }

        // Next to the tensor they came from, in the graph's order, so that the order of parameters is a stable one.
        foreach (var copy in copies)
        {
            graph.Initializer.Insert(++position, copy);
        }
    }

    // Independent tensors agree in every random value only when one was made from the other. Layers cloned from each other
    // do, and are separate parameters; a table that is looked up by one node and multiplied by another is weight tying.
    private static bool IsRealTie(TensorProto shared, TensorRole first, TensorRole second) =>
        (first | second) == (TensorRole.Table | TensorRole.Matrix)
        && first != second
        && shared.Dims.Count == 2
        && !TensorContent.IsUniform(shared);

    [Flags]
    private enum TensorRole
    {
        None = 0,
        Table = 1,
        Matrix = 2,
    }

    private static TensorRole Role(GraphIndex index, string name)
    {
        var role = TensorRole.None;
        foreach (var node in index.Consumers(name))
        {
            role |= node.OpType switch
            {
                "Gather" when node.InputOrEmpty(0) == name => TensorRole.Table,
                "MatMul" or "Gemm" => TensorRole.Matrix,
                "Transpose" => Role(index, node.Output[0]),
                _ => TensorRole.None,
            };
        }

        return role;
    }
}
