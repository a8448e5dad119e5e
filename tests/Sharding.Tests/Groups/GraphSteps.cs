using OrtZero.Onnx.Protobuf;

namespace OrtZero.Sharding.Tests;

/// <summary>Writes small graphs line by line.</summary>
internal static class GraphSteps
{
    public static GraphProto With(this GraphProto graph, string operation, string[] inputs, params string[] outputs)
    {
        var node = new NodeProto { OpType = operation, Name = $"/{outputs[0]}/{operation}" };
        node.Input.AddRange(inputs);
        node.Output.AddRange(outputs);
        graph.Node.Add(node);
        return graph;
    }
}
