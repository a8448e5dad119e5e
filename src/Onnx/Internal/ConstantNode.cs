using OrtZero.Onnx.Protobuf;

namespace OrtZero.Onnx.Internal;

/// <summary>The tensor a Constant node produces, whichever of its attributes holds it.</summary>
internal static class ConstantNode
{
    /// <summary>The tensor, or null when the node is not a Constant or holds strings or a sparse tensor.</summary>
    public static TensorProto? TryRead(NodeProto node)
    {
        if (node.OpType != "Constant" || node.Domain is not ("" or "ai.onnx") || node.Output.Count != 1)
        {
            return null;
        }

        var name = node.Output[0];
        foreach (var attribute in node.Attribute)
        {
            switch (attribute.Name)
            {
                case "value" when attribute.T is not null:
                    return attribute.T;
                case "value_float":
                    return TensorFactory.Scalar(name, attribute.F);
                case "value_int":
                    return TensorFactory.Scalar(name, attribute.I);
                case "value_floats":
                    return TensorFactory.FromSingles(name, [attribute.Floats.Count], [.. attribute.Floats]);
                case "value_ints":
                    return TensorFactory.Vector(name, [.. attribute.Ints]);
                default:
                    break;
            }
        }

        return null;
    }
}
