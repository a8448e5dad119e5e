using System.Buffers.Binary;
using OrtZero.Onnx.Protobuf;

namespace OrtZero.Onnx.Internal;

/// <summary>Where a tensor's data sits, whether it fits the shape, and the data as raw little-endian bytes.</summary>
internal static class TensorData
{
    public static long ElementCount(TensorProto tensor)
    {
        // A zero anywhere makes the tensor empty, however long the other axes are.
        var count = (Int128)1;
        var empty = false;
        foreach (var length in tensor.Dims)
        {
            if (length < 0)
            {
                throw new OnnxFormatException($"Tensor '{tensor.Name}' has shape [{string.Join(", ", tensor.Dims)}] with a negative axis; export the model again.");
            }

            empty |= length == 0;
            count = count > long.MaxValue ? count : count * Math.Max(length, 1);
        }

        return empty ? 0
            : count <= long.MaxValue ? (long)count
            : throw new OnnxFormatException($"Tensor '{tensor.Name}' has shape [{string.Join(", ", tensor.Dims)}], more elements than can be addressed; export the model again.");
    }

    /// <summary>Throws one sentence unless the tensor has a known type, a sane shape and exactly the data its shape asks for.</summary>
    public static void Check(TensorProto tensor)
    {
        var type = tensor.ElementType();
        if (!type.IsDefined())
        {
            throw new OnnxFormatException($"Tensor '{tensor.Name}' has element type {tensor.DataType}, which is not one of ONNX's types 1 to 26; export the model again.");
        }

        if (tensor.Segment is not null)
        {
            throw new OnnxFormatException($"Tensor '{tensor.Name}' is stored in segments, which are not supported; export the model again.");
        }

        if (tensor.DataLocation == TensorProto.Types.DataLocation.External)
        {
            throw new OnnxFormatException($"Tensor '{tensor.Name}' has its data in another file; load the model from its file so that the data is found.");
        }

        var count = ElementCount(tensor);
        if (type == TensorElementType.String)
        {
            Expect(tensor, count, tensor.StringData.Count, "strings");
        }
        else if (tensor.HasRawData)
        {
            Expect(tensor, type.SizeInBytes(count), tensor.RawData.Length, "bytes of raw data");
        }
        else
        {
            var (stored, perElement) = Typed(tensor, type);
            var expected = type.SizeInBits() < 8 ? type.SizeInBytes(count) : (Int128)count * perElement;
            Expect(tensor, expected, stored, "values");
        }
    }

    public static byte[] RawBytes(TensorProto tensor)
    {
        Check(tensor);
        if (tensor.HasRawData)
        {
            return tensor.RawData.ToByteArray();
        }

        var type = tensor.ElementType();
        switch (type)
        {
            case TensorElementType.String:
                throw new OnnxFormatException($"Tensor '{tensor.Name}' holds strings, which have no raw form; read its string_data.");
            case TensorElementType.Float or TensorElementType.Complex64:
                return Convert<float>(tensor.FloatData, 4, BinaryPrimitives.WriteSingleLittleEndian);
            case TensorElementType.Double or TensorElementType.Complex128:
                return Convert<double>(tensor.DoubleData, 8, BinaryPrimitives.WriteDoubleLittleEndian);
            case TensorElementType.Int64:
                return Convert<long>(tensor.Int64Data, 8, BinaryPrimitives.WriteInt64LittleEndian);
            case TensorElementType.UInt64:
                return Convert<ulong>(tensor.Uint64Data, 8, BinaryPrimitives.WriteUInt64LittleEndian);
            case TensorElementType.UInt32:
                return Convert<ulong>(tensor.Uint64Data, 4, static (target, value) => BinaryPrimitives.WriteUInt32LittleEndian(target, (uint)value));
            default:
                return type.SizeInBits() switch
                {
                    32 => Convert<int>(tensor.Int32Data, 4, BinaryPrimitives.WriteInt32LittleEndian),
                    16 => Convert<int>(tensor.Int32Data, 2, static (target, value) => BinaryPrimitives.WriteInt16LittleEndian(target, (short)value)),
                    _ => Convert<int>(tensor.Int32Data, 1, static (target, value) => target[0] = (byte)value),
                };
        }
    }

    /// <summary>The raw bytes without a copy where the tensor holds them already.</summary>
    public static ReadOnlyMemory<byte> RawMemory(TensorProto tensor)
    {
        if (!tensor.HasRawData)
        {
            return RawBytes(tensor);
        }

        Check(tensor);
        return tensor.RawData.Memory;
    }

    /// <summary>The number of values in the typed field of this element type, and how many of them make one element.</summary>
    private static (int Stored, int PerElement) Typed(TensorProto tensor, TensorElementType type) => type switch
    {
        TensorElementType.Float => (tensor.FloatData.Count, 1),
        TensorElementType.Complex64 => (tensor.FloatData.Count, 2),
        TensorElementType.Double => (tensor.DoubleData.Count, 1),
        TensorElementType.Complex128 => (tensor.DoubleData.Count, 2),
        TensorElementType.Int64 => (tensor.Int64Data.Count, 1),
        TensorElementType.UInt32 or TensorElementType.UInt64 => (tensor.Uint64Data.Count, 1),
        _ => (tensor.Int32Data.Count, 1),
    };

    private static void Expect(TensorProto tensor, Int128 expected, long found, string unit)
    {
        if (expected != found)
        {
            throw new OnnxFormatException(
                $"Tensor '{tensor.Name}' of {tensor.Describe()} needs {expected} {unit} but has {found}; the model is damaged, export or copy it again.");
        }
    }

    private delegate void Writer<T>(Span<byte> target, T value);

    private static byte[] Convert<T>(IReadOnlyList<T> values, int size, Writer<T> write)
    {
        var bytes = new byte[(long)values.Count * size];
        for (var i = 0; i < values.Count; i++)
        {
            write(bytes.AsSpan(i * size), values[i]);
        }

        return bytes;
    }
}
