using OrtZero.Onnx.Protobuf;

namespace OrtZero.Onnx.Internal;

/// <summary>
/// An output layer tied to the embedding table is written by constant folding as a second, transposed initializer. Trained like
/// that the two would drift apart; here the weight becomes a Transpose of the table again.
/// </summary>
internal static class FoldedTieFinder
{
    public static void Run(ImportSession session)
    {
        var graph = session.Graph;
        var index = new GraphIndex(graph);
        var tables = graph.Initializer
            .Where(tensor => tensor.Dims.Count == 2 && tensor.ElementType().IsFloatingPoint()
                && index.Consumers(tensor.Name).Any(node => node.OpType == "Gather" && node.Input[0] == tensor.Name))
            .ToList();
        foreach (var weight in graph.Initializer.Where(tensor => session.Transposed.Contains(tensor.Name) || IsUnnamed(tensor, index)).ToArray())
        {
            var table = tables.Find(candidate => TensorContent.IsTransposeOf(weight, candidate));
            if (table is null || TensorContent.IsUniform(table))
            {
                continue;
            }

            graph.Initializer.Remove(weight);
            graph.Node.Insert(0, NodeFactory.Create("Transpose", [table.Name], [weight.Name]).SetInts("perm", 1, 0));
            session.FoldedTies.Add(new FoldedTie(weight.Name, session.OriginOf(weight.Name), table.Name));
            session.Origins.Remove(weight.Name);
            session.Transposed.Remove(weight.Name);
            session.Messages.Add($"Parameter '{weight.Name}' is the embedding table '{table.Name}' transposed, so the two stay tied as '{table.Name}'.");
        }
    }

    // A product with the table itself, not through a layer of its own, gives no name that could be recovered.
    private static bool IsUnnamed(TensorProto tensor, GraphIndex index) =>
        tensor.Dims.Count == 2 && GeneratedNames.IsGenerated(tensor.Name)
        && index.Consumers(tensor.Name) is { Count: > 0 } users && users.All(node => node.OpType is "MatMul" or "Gemm" && node.Input[1] == tensor.Name);

    /// <summary>Writes tied weights out again, as the file that came in had them.</summary>
    public static void Restore(GraphProto graph, IReadOnlyList<FoldedTie> ties)
    {
        foreach (var tie in ties)
        {
            var node = new GraphIndex(graph).Producer(tie.Name);
            if (node is { OpType: "Transpose" } && graph.FindInitializer(tie.Table) is { } table)
            {
                graph.Node.Remove(node);
                graph.Initializer.Add(TensorContent.Transpose(table, tie.Name));
            }
        }
    }
}
