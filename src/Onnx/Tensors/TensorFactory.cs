using System.Buffers.Binary;
using System.Runtime.InteropServices;
using Google.Protobuf;
using OrtZero.Onnx.Internal;
using OrtZero.Onnx.Protobuf;

namespace OrtZero.Onnx;

/// <summary>Makes tensors; the data is copied and stored as raw_data.</summary>
public static class TensorFactory
{
    /// <summary>A float32 tensor from row-major values.</summary>
    /// <exception cref="OnnxFormatException">The number of values is not the product of the shape.</exception>
    public static TensorProto FromSingles(string name, ReadOnlySpan<long> shape, ReadOnlySpan<float> values)
    {
        var bytes = new byte[(long)values.Length * sizeof(float)];
        if (BitConverter.IsLittleEndian)
        {
            MemoryMarshal.AsBytes(values).CopyTo(bytes);
        }
        else
        {
            for (var i = 0; i < values.Length; i++)
            {
                BinaryPrimitives.WriteSingleLittleEndian(bytes.AsSpan(i * sizeof(float)), values[i]);
            }
        }

        return Wrap(name, TensorElementType.Float, shape, bytes);
    }

    /// <summary>An int64 tensor from row-major values.</summary>
    /// <exception cref="OnnxFormatException">The number of values is not the product of the shape.</exception>
    public static TensorProto FromInt64s(string name, ReadOnlySpan<long> shape, ReadOnlySpan<long> values)
    {
        var bytes = new byte[(long)values.Length * sizeof(long)];
        for (var i = 0; i < values.Length; i++)
        {
            BinaryPrimitives.WriteInt64LittleEndian(bytes.AsSpan(i * sizeof(long)), values[i]);
        }

        return Wrap(name, TensorElementType.Int64, shape, bytes);
    }

    /// <summary>An int64 tensor of one axis, as shapes and axes are given to operators.</summary>
    public static TensorProto Vector(string name, params ReadOnlySpan<long> values) => FromInt64s(name, [values.Length], values);

    /// <summary>A float32 tensor of shape [].</summary>
    public static TensorProto Scalar(string name, float value) => FromSingles(name, [], [value]);

    /// <summary>An int64 tensor of shape [].</summary>
    public static TensorProto Scalar(string name, long value) => FromInt64s(name, [], [value]);

    /// <summary>A tensor of any type but string from its raw_data form: little-endian, row-major, types below 8 bits packed.</summary>
    /// <exception cref="OnnxFormatException">The number of bytes is not what type and shape ask for.</exception>
    public static TensorProto Raw(string name, TensorElementType type, ReadOnlySpan<long> shape, ReadOnlySpan<byte> bytes) =>
        Wrap(name, type, shape, bytes.ToArray());

    /// <summary>A tensor of equal elements.</summary>
    /// <param name="name">Its name.</param>
    /// <param name="type">The element type, of 8 bits or more.</param>
    /// <param name="shape">The lengths of the axes.</param>
    /// <param name="element">The bytes of one element, little-endian.</param>
    /// <exception cref="OnnxFormatException">The tensor would have 2 GiB or more, or an element has another size.</exception>
    public static TensorProto Filled(string name, TensorElementType type, ReadOnlySpan<long> shape, ReadOnlySpan<byte> element)
    {
        var tensor = new TensorProto { Name = name, DataType = (int)type };
        tensor.Dims.AddRange(shape.ToArray());
        var length = type.SizeInBytes(tensor.ElementCount());
        if (length > Array.MaxLength || element.Length * 8 != type.SizeInBits())
        {
            throw new OnnxFormatException($"Tensor '{name}' of {tensor.Describe()} cannot be filled with elements of {element.Length} bytes; at most 2 GiB per tensor are supported.");
        }

        var bytes = new byte[length];
        for (var i = 0L; i < length; i += element.Length)
        {
            element.CopyTo(bytes.AsSpan((int)i));
        }

        tensor.RawData = UnsafeByteOperations.UnsafeWrap(bytes);
        return tensor;
    }

    private static TensorProto Wrap(string name, TensorElementType type, ReadOnlySpan<long> shape, byte[] bytes)
    {
        var tensor = new TensorProto { Name = name, DataType = (int)type, RawData = UnsafeByteOperations.UnsafeWrap(bytes) };
        foreach (var length in shape)
        {
            tensor.Dims.Add(length);
        }

        TensorData.Check(tensor);
        return tensor;
    }
}
