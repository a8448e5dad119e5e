using Google.Protobuf;
using OrtZero.Onnx.Protobuf;
using AttributeType = OrtZero.Onnx.Protobuf.AttributeProto.Types.AttributeType;

namespace OrtZero.Onnx;

/// <summary>Reads and writes the attributes of nodes.</summary>
public static class NodeProtoExtensions
{
    /// <summary>The attribute of that name, or null.</summary>
    public static AttributeProto? FindAttribute(this NodeProto node, string name)
    {
        foreach (var attribute in node.Attribute)
        {
            if (attribute.Name == name)
            {
                return attribute;
            }
        }

        return null;
    }

    /// <summary>An integer attribute.</summary>
    /// <exception cref="OnnxFormatException">The attribute is of another type.</exception>
    public static long GetInt(this NodeProto node, string name, long defaultValue) =>
        Find(node, name, AttributeType.Int)?.I ?? defaultValue;

    /// <summary>A float attribute.</summary>
    /// <exception cref="OnnxFormatException">The attribute is of another type.</exception>
    public static float GetFloat(this NodeProto node, string name, float defaultValue) =>
        Find(node, name, AttributeType.Float)?.F ?? defaultValue;

    /// <summary>A string attribute.</summary>
    /// <exception cref="OnnxFormatException">The attribute is of another type.</exception>
    public static string GetString(this NodeProto node, string name, string defaultValue) =>
        Find(node, name, AttributeType.String)?.S.ToStringUtf8() ?? defaultValue;

    /// <summary>A list of integers, or null when the node has no such attribute.</summary>
    /// <exception cref="OnnxFormatException">The attribute is of another type.</exception>
    public static long[]? GetInts(this NodeProto node, string name) =>
        Find(node, name, AttributeType.Ints) is { } attribute ? [.. attribute.Ints] : null;

    /// <summary>A list of floats, or null when the node has no such attribute.</summary>
    /// <exception cref="OnnxFormatException">The attribute is of another type.</exception>
    public static float[]? GetFloats(this NodeProto node, string name) =>
        Find(node, name, AttributeType.Floats) is { } attribute ? [.. attribute.Floats] : null;

    /// <summary>A tensor attribute, or null when the node has no such attribute.</summary>
    /// <exception cref="OnnxFormatException">The attribute is of another type.</exception>
    public static TensorProto? GetTensor(this NodeProto node, string name) => Find(node, name, AttributeType.Tensor)?.T;

    /// <summary>Sets an integer attribute and returns the node.</summary>
    public static NodeProto SetInt(this NodeProto node, string name, long value) =>
        Set(node, new AttributeProto { Name = name, Type = AttributeType.Int, I = value });

    /// <summary>Sets a float attribute and returns the node.</summary>
    public static NodeProto SetFloat(this NodeProto node, string name, float value) =>
        Set(node, new AttributeProto { Name = name, Type = AttributeType.Float, F = value });

    /// <summary>Sets a string attribute and returns the node.</summary>
    public static NodeProto SetString(this NodeProto node, string name, string value) =>
        Set(node, new AttributeProto { Name = name, Type = AttributeType.String, S = ByteString.CopyFromUtf8(value) });

    /// <summary>Sets a list of integers and returns the node.</summary>
    public static NodeProto SetInts(this NodeProto node, string name, params ReadOnlySpan<long> values)
    {
        var attribute = new AttributeProto { Name = name, Type = AttributeType.Ints };
        foreach (var value in values)
        {
            attribute.Ints.Add(value);
        }

        return Set(node, attribute);
    }

    /// <summary>Sets a list of floats and returns the node.</summary>
    public static NodeProto SetFloats(this NodeProto node, string name, params ReadOnlySpan<float> values)
    {
        var attribute = new AttributeProto { Name = name, Type = AttributeType.Floats };
        foreach (var value in values)
        {
            attribute.Floats.Add(value);
        }

        return Set(node, attribute);
    }

    /// <summary>Sets a tensor attribute and returns the node.</summary>
    public static NodeProto SetTensor(this NodeProto node, string name, TensorProto value) =>
        Set(node, new AttributeProto { Name = name, Type = AttributeType.Tensor, T = value });

    /// <summary>Removes an attribute, if the node has it, and returns the node.</summary>
    public static NodeProto RemoveAttribute(this NodeProto node, string name)
    {
        if (node.FindAttribute(name) is { } attribute)
        {
            node.Attribute.Remove(attribute);
        }

        return node;
    }

    /// <summary>The name of an input, or "" when the node has no such input or leaves it out.</summary>
    public static string InputOrEmpty(this NodeProto node, int index) => index < node.Input.Count ? node.Input[index] : "";

    /// <summary>The name of an output, or "" when the node has no such output or leaves it out.</summary>
    public static string OutputOrEmpty(this NodeProto node, int index) => index < node.Output.Count ? node.Output[index] : "";

    /// <summary>The node in words, for messages: <c>'/fc1/MatMul' (MatMul)</c>, or by its first output when it has no name.</summary>
    public static string Describe(this NodeProto node)
    {
        var op = node.Domain.Length == 0 ? node.OpType : $"{node.Domain}::{node.OpType}";
        return node.Name.Length > 0 ? $"'{node.Name}' ({op})" : $"{op} that produces '{node.OutputOrEmpty(0)}'";
    }

    private static AttributeProto? Find(NodeProto node, string name, AttributeType type)
    {
        var attribute = node.FindAttribute(name);
        return attribute is null || attribute.Type == type || (attribute.Type == AttributeType.Undefined && HoldsOnly(attribute, type))
            ? attribute
            : throw new OnnxFormatException(
                $"Attribute '{name}' of node {node.Describe()} is of type {attribute.Type} where {type} is expected; export the model again.");
    }

    // IR versions below 3 and some writers leave the type out; the field that is filled says what it is.
    private static bool HoldsOnly(AttributeProto attribute, AttributeType type) => type switch
    {
        AttributeType.Int => attribute.HasI,
        AttributeType.Float => attribute.HasF,
        AttributeType.String => attribute.HasS,
        AttributeType.Tensor => attribute.T is not null,
        AttributeType.Ints => attribute.Ints.Count > 0,
        _ => attribute.Floats.Count > 0,
    };

    private static NodeProto Set(NodeProto node, AttributeProto attribute)
    {
        node.RemoveAttribute(attribute.Name);
        node.Attribute.Add(attribute);
        return node;
    }
}
