using System.Runtime.InteropServices;
using OrtZero.Onnx;
using OrtZero.Onnx.Protobuf;

namespace OrtZero.Autograd.Internal;

/// <summary>Writes a model of float32 or narrower in float64, so that finite differences of it are exact to many digits.</summary>
internal static class DoublePrecision
{
    /// <summary>Inputs that stay float32 in every version of their operator.</summary>
    private static readonly Dictionary<string, int[]> s_single = new(StringComparer.Ordinal)
    {
        ["Resize"] = [1, 2],
        ["Upsample"] = [1],
    };

    /// <summary>Attributes that name the element type of a result.</summary>
    private static readonly Dictionary<string, string> s_typeAttributes = new(StringComparer.Ordinal)
    {
        ["Cast"] = "to", ["EyeLike"] = "dtype", ["RandomNormal"] = "dtype", ["RandomUniform"] = "dtype", ["RandomNormalLike"] = "dtype",
        ["RandomUniformLike"] = "dtype", ["Bernoulli"] = "dtype", ["SequenceEmpty"] = "dtype", ["HannWindow"] = "output_datatype",
        ["HammingWindow"] = "output_datatype", ["BlackmanWindow"] = "output_datatype", ["MelWeightMatrix"] = "output_datatype",
    };

    /// <summary>Operators whose result is float32 unless they say otherwise.</summary>
    private static readonly HashSet<string> s_singleByDefault = new(StringComparer.Ordinal)
    {
        "RandomNormal", "RandomUniform", "SequenceEmpty", "HannWindow", "HammingWindow", "BlackmanWindow", "MelWeightMatrix",
    };

    /// <summary>Whether inputs, outputs or initializers of the model are narrower than float64.</summary>
    public static bool Applies(OnnxModel model) => model.Graph.Initializer.Any(tensor => IsNarrow((int)tensor.ElementType()))
        || model.Graph.Input.Concat(model.Graph.Output).Any(value => IsNarrow((int)value.ElementType()));

    /// <summary>A copy of the model with float64 where it had fewer bits.</summary>
    public static OnnxModel Convert(OnnxModel model)
    {
        var copy = model.Clone();
        Convert(copy.Graph);
        foreach (var node in copy.Proto.Functions.SelectMany(function => function.Node))
        {
            Convert(node);
        }

        return copy;
    }

    /// <summary>A tensor in float64 if it was real and narrower, else itself.</summary>
    public static TensorProto Convert(TensorProto tensor) => IsNarrow(tensor.DataType)
        ? TensorFactory.Raw(
            tensor.Name, TensorElementType.Double, tensor.Shape(), MemoryMarshal.AsBytes<double>(Array.ConvertAll(tensor.ToSingles(), value => (double)value)))
        : tensor;

    private static void Convert(GraphProto graph)
    {
        var single = graph.Node
            .Where(node => node.Domain is "" or "ai.onnx" && s_single.ContainsKey(node.OpType))
            .SelectMany(node => s_single[node.OpType].Select(node.InputOrEmpty)).ToHashSet(StringComparer.Ordinal);
        for (var i = 0; i < graph.Initializer.Count; i++)
        {
            if (!single.Contains(graph.Initializer[i].Name))
            {
                graph.Initializer[i] = Convert(graph.Initializer[i]);
            }
        }

        graph.ValueInfo.Clear();
        foreach (var type in graph.Input.Concat(graph.Output).Where(info => !single.Contains(info.Name)).Select(info => info.Type))
        {
            Convert(type);
        }

        foreach (var node in graph.Node.Where(node => !node.Output.Any(single.Contains)))
        {
            Convert(node);
        }
    }

    private static void Convert(TypeProto? type)
    {
        if (type?.TensorType is { } tensor && IsNarrow(tensor.ElemType))
        {
            tensor.ElemType = (int)TensorElementType.Double;
        }

        if (type is not null && (type.SequenceType?.ElemType ?? type.OptionalType?.ElemType) is { } inner)
        {
            Convert(inner);
        }
    }

    private static void Convert(NodeProto node)
    {
        foreach (var attribute in node.Attribute)
        {
            if (attribute.T is { } tensor)
            {
                attribute.T = Convert(tensor);
            }

            foreach (var graph in attribute.G is null ? attribute.Graphs : attribute.Graphs.Prepend(attribute.G))
            {
                Convert(graph);
            }
        }

        if (node.OpType == "Constant" && node.FindAttribute("value_float") is { } scalar)
        {
            SetConstant(node, [], [scalar.F]);
        }
        else if (node.OpType == "Constant" && node.FindAttribute("value_floats") is { } list)
        {
            SetConstant(node, [list.Floats.Count], [.. list.Floats]);
        }
        else if (node.OpType == "ConstantOfShape" && node.FindAttribute("value") is null)
        {
            node.SetTensor("value", Convert(TensorFactory.FromSingles("value", [1], [0])));
        }
        else if (s_typeAttributes.TryGetValue(node.OpType, out var name)
            && IsNarrow((int)node.GetInt(name, s_singleByDefault.Contains(node.OpType) ? (int)TensorElementType.Float : 0)))
        {
            node.SetInt(name, (int)TensorElementType.Double);
        }
    }

    private static bool IsNarrow(int type) => (TensorElementType)type is TensorElementType.Float or TensorElementType.Float16 or TensorElementType.BFloat16;

    private static void SetConstant(NodeProto node, long[] shape, float[] values)
    {
        node.Attribute.Clear();
        node.SetTensor("value", Convert(TensorFactory.FromSingles("value", shape, values)));
    }
}
