using OrtZero.Onnx.Protobuf;

namespace OrtZero.Onnx.Internal;

/// <summary>
/// Some exporters write parameters as Constant nodes, and some files stay small by filling them with one number (ConstantOfShape). Those
/// that stand where an operator has its parameters become initializers. PyTorch's exporter is not one of them: there a Constant is a
/// number in the program.
/// </summary>
internal static class ConstantPromoter
{
    public static void Run(ImportSession session)
    {
        var graph = session.Graph;
        var index = new GraphIndex(graph);
        var filled = new List<string>();
        foreach (var node in graph.Node.ToArray())
        {
            var description = ConstantNode.TryRead(node) ?? Fill(node, index);
            if (description is null || !description.ElementType().IsFloatingPoint() || description.ElementCount() < 2
                || index.IsOutput(node.Output[0]) || !IsParameter(index, node.Output[0], description))
            {
                continue;
            }

            var name = node.Output[0];
            var initializer = description.Clone();
            if (node.OpType == "ConstantOfShape")
            {
                initializer = TensorFactory.Filled(name, description.ElementType(), description.Shape(), Element(node));
                filled.Add(name);
            }

            initializer.Name = name;
            graph.Node.Remove(node);
            graph.Initializer.Add(initializer);
            if (node.OpType != "ConstantOfShape")
            {
                session.Messages.Add($"The constant '{name}' stands where an operator has its parameters, so it is a parameter now.");
            }
        }

        if (filled.Count > 0)
        {
            session.Messages.Add(
                $"The model fills {filled.Count} values, '{filled[0]}' first, with one number each where operators have their parameters, so they are parameters now.");
            RemoveUnused(graph, index);
        }
    }

    /// <summary>Type and shape, without data, of what a ConstantOfShape node fills; null if its shape is computed.</summary>
    private static TensorProto? Fill(NodeProto node, GraphIndex index)
    {
        if (node is not { OpType: "ConstantOfShape", Domain: "" or "ai.onnx", Input.Count: 1, Output.Count: 1 }
            || (index.Initializer(node.Input[0]) ?? (index.Producer(node.Input[0]) is { } producer ? ConstantNode.TryRead(producer) : null)) is not { } shape
            || shape.ElementType() != TensorElementType.Int64)
        {
            return null;
        }

        var description = new TensorProto { Name = node.Output[0], DataType = (int)(node.GetTensor("value")?.ElementType() ?? TensorElementType.Float) };
        description.Dims.AddRange(shape.ToInt64s());
        return description;
    }

    private static byte[] Element(NodeProto node) => node.GetTensor("value") is { } value ? value.RawBytes() : new byte[sizeof(float)];

    private static bool IsParameter(GraphIndex index, string name, TensorProto description) => index.Consumers(name).Any(user =>
        user.OpType is not ("Einsum" or "InstanceNormalization") && user.Input.IndexOf(name) is >= 0 and var input && ParameterSlot.Of(user, input, description) is not null
        // A scale or shift per channel, brought to the axes of what it scales, or a matrix stored with more axes.
        || (user is { OpType: "Unsqueeze" or "Reshape", Output.Count: 1 } && user.Input[0] == name && index.Producer(name)?.OpType == "ConstantOfShape"
            && index.Consumers(user.Output[0]).Any(next => next.OpType is "Mul" or "Add" or "Gemm" or "MatMul")));

    private static void RemoveUnused(GraphProto graph, GraphIndex before)
    {
        var now = new GraphIndex(graph);
        var unused = graph.Initializer.Where(tensor => before.Consumers(tensor.Name).Count > 0 && now.Consumers(tensor.Name).Count == 0 && !now.IsOutput(tensor.Name)).ToList();
        foreach (var tensor in unused)
        {
            graph.Initializer.Remove(tensor);
        }
    }
}
