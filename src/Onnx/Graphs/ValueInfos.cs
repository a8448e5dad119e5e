using OrtZero.Onnx.Protobuf;

namespace OrtZero.Onnx;

/// <summary>Makes and reads the declarations of tensor-valued graph inputs, outputs and intermediate values.</summary>
public static class ValueInfos
{
    /// <summary>A declaration of a tensor with an axis per dimension; lengths and symbols may be mixed.</summary>
    public static ValueInfoProto Create(string name, TensorElementType type, params ReadOnlySpan<Dimension> dimensions)
    {
        var info = new ValueInfoProto
        {
            Name = name,
            Type = new TypeProto { TensorType = new TypeProto.Types.Tensor { ElemType = (int)type } },
        };
        info.SetDimensions(dimensions);
        return info;
    }

    /// <summary>A declaration with static lengths; a negative length stands for an axis about which nothing is known.</summary>
    public static ValueInfoProto Create(string name, TensorElementType type, ReadOnlySpan<long> shape)
    {
        var dimensions = new Dimension[shape.Length];
        for (var i = 0; i < shape.Length; i++)
        {
            dimensions[i] = shape[i] < 0 ? Dimension.Unknown : shape[i];
        }

        return Create(name, type, dimensions);
    }

    /// <summary>A declaration from a description.</summary>
    public static ValueInfoProto Create(ValueDescription description)
    {
        ArgumentNullException.ThrowIfNull(description);
        return Create(description.Name, description.Type, description.Shape.AsSpan());
    }

    /// <summary>The element type of a declared tensor; <see cref="TensorElementType.Undefined"/> when it is not a tensor.</summary>
    public static TensorElementType ElementType(this ValueInfoProto info) =>
        (TensorElementType)(info.Type?.TensorType?.ElemType ?? 0);

    /// <summary>The axes of a declared tensor, or null when it declares no shape at all.</summary>
    public static Dimension[]? Dimensions(this ValueInfoProto info) =>
        info.Type?.TensorType?.Shape is { } shape ? [.. shape.Dim.Select(Read)] : null;

    /// <summary>The lengths of the axes, -1 for symbolic and unknown ones, or null when no shape is declared.</summary>
    public static long[]? Shape(this ValueInfoProto info) =>
        info.Dimensions() is { } dimensions ? Array.ConvertAll(dimensions, dimension => dimension.Length ?? -1) : null;

    /// <summary>Replaces the axes of a declared tensor.</summary>
    /// <exception cref="OnnxFormatException">The value is not a tensor.</exception>
    public static void SetDimensions(this ValueInfoProto info, params ReadOnlySpan<Dimension> dimensions)
    {
        var tensor = info.Type?.TensorType
            ?? throw new OnnxFormatException($"Value '{info.Name}' is not declared as a tensor, so it has no axes.");
        tensor.Shape = new TensorShapeProto();
        foreach (var dimension in dimensions)
        {
            var written = new TensorShapeProto.Types.Dimension();
            if (dimension.Length is { } length)
            {
                written.DimValue = length;
            }
            else if (dimension.Symbol is { } symbol)
            {
                written.DimParam = symbol;
            }

            tensor.Shape.Dim.Add(written);
        }
    }

    private static Dimension Read(TensorShapeProto.Types.Dimension dimension) => dimension.ValueCase switch
    {
        TensorShapeProto.Types.Dimension.ValueOneofCase.DimValue when dimension.DimValue >= 0 => dimension.DimValue,
        TensorShapeProto.Types.Dimension.ValueOneofCase.DimParam when dimension.DimParam.Length > 0 => dimension.DimParam,
        _ => Dimension.Unknown,
    };
}
