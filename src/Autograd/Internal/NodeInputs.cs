using OrtZero.Onnx;
using OrtZero.Onnx.Protobuf;

namespace OrtZero.Autograd.Internal;

/// <summary>The values a node reads.</summary>
internal static class NodeInputs
{
    /// <summary>The named inputs, and the outer values that the node's subgraphs (If, Loop, Scan) read.</summary>
    public static IEnumerable<string> Of(NodeProto node) => node.Input.Where(input => input.Length > 0)
        .Concat(node.Attribute.SelectMany(Subgraphs).SelectMany(graph => graph.Captures()));

    private static IEnumerable<GraphProto> Subgraphs(AttributeProto attribute) =>
        attribute.G is null ? attribute.Graphs : attribute.Graphs.Prepend(attribute.G);
}
