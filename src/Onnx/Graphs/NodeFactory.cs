using OrtZero.Onnx.Protobuf;

namespace OrtZero.Onnx;

/// <summary>Makes nodes.</summary>
public static class NodeFactory
{
    /// <summary>A node; attributes are added with <see cref="NodeProtoExtensions"/>.</summary>
    /// <param name="opType">The operator, such as <c>MatMul</c>.</param>
    /// <param name="inputs">Names of the inputs; "" leaves an optional one out.</param>
    /// <param name="outputs">Names of the outputs; "" leaves an optional one out.</param>
    /// <param name="name">The node's name; null for none.</param>
    /// <param name="domain">The operator's domain; "" is ONNX's own.</param>
    public static NodeProto Create(
        string opType, ReadOnlySpan<string> inputs, ReadOnlySpan<string> outputs, string? name = null, string domain = "")
    {
        var node = new NodeProto { OpType = opType };
        foreach (var input in inputs)
        {
            node.Input.Add(input);
        }

        foreach (var output in outputs)
        {
            node.Output.Add(output);
        }

        if (name is not null)
        {
            node.Name = name;
        }

        if (domain.Length > 0)
        {
            node.Domain = domain;
        }

        return node;
    }

    /// <summary>A Constant node that produces a tensor.</summary>
    public static NodeProto Constant(string output, TensorProto value) =>
        Create("Constant", [], [output]).SetTensor("value", value);
}
