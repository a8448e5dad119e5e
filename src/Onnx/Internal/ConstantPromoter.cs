namespace OrtZero.Onnx.Internal;

/// <summary>
/// Some exporters write parameters as Constant nodes. Those that stand where an operator has its parameters become initializers.
/// PyTorch's exporter is not one of them: there a Constant is a number in the program.
/// </summary>
internal static class ConstantPromoter
{
    public static void Run(ImportSession session)
    {
        var graph = session.Graph;
        var index = new GraphIndex(graph);
        foreach (var node in graph.Node.ToArray())
        {
            if (ConstantNode.TryRead(node) is not { } value || !value.ElementType().IsFloatingPoint() || value.ElementCount() < 2
                || index.IsOutput(node.Output[0]))
            {
                continue;
            }

            var name = node.Output[0];
            var isParameter = index.Consumers(name).Any(user =>
                user.OpType != "Einsum" && user.Input.IndexOf(name) is >= 0 and var input && ParameterSlot.Of(user, input, value) is not null);
            if (isParameter)
            {
                var initializer = value.Clone();
                initializer.Name = name;
                graph.Node.Remove(node);
                graph.Initializer.Add(initializer);
                session.Messages.Add($"The constant '{name}' stands where an operator has its parameters, so it is a parameter now.");
            }
        }
    }
}
