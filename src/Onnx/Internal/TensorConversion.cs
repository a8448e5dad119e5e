using System.Buffers.Binary;
using System.Runtime.InteropServices;
using OrtZero.Onnx.Protobuf;

namespace OrtZero.Onnx.Internal;

/// <summary>Elements of any stored type as float32 or int64.</summary>
internal static class TensorConversion
{
    public static float[] ToSingles(TensorProto tensor)
    {
        var type = tensor.ElementType();
        if (!type.IsFloatingPoint())
        {
            throw new OnnxFormatException($"Tensor '{tensor.Name}' is of {tensor.Describe()}, where a floating-point type is needed.");
        }

        var data = TensorData.RawMemory(tensor).Span;
        var values = new float[tensor.ElementCount()];
        if (type == TensorElementType.Float && BitConverter.IsLittleEndian)
        {
            MemoryMarshal.Cast<byte, float>(data).CopyTo(values);
            return values;
        }

        for (var i = 0; i < values.Length; i++)
        {
            values[i] = type switch
            {
                TensorElementType.Float => BinaryPrimitives.ReadSingleLittleEndian(data[(i * 4)..]),
                TensorElementType.Double => (float)BinaryPrimitives.ReadDoubleLittleEndian(data[(i * 8)..]),
                TensorElementType.Float16 => (float)BinaryPrimitives.ReadHalfLittleEndian(data[(i * 2)..]),
                TensorElementType.BFloat16 => BitConverter.Int32BitsToSingle(BinaryPrimitives.ReadUInt16LittleEndian(data[(i * 2)..]) << 16),
                TensorElementType.Float4E2M1 => SmallFloat.Float4E2M1((data[i / 2] >> (i % 2 * 4)) & 0xF),
                _ => SmallFloat.Float8(type, data[i]),
            };
        }

        return values;
    }

    public static long[] ToInt64s(TensorProto tensor)
    {
        var type = tensor.ElementType();
        if (!type.IsInteger() && type != TensorElementType.Bool)
        {
            throw new OnnxFormatException($"Tensor '{tensor.Name}' is of {tensor.Describe()}, where an integer type or bool is needed.");
        }

        var data = TensorData.RawMemory(tensor).Span;
        var values = new long[tensor.ElementCount()];
        for (var i = 0; i < values.Length; i++)
        {
            values[i] = type switch
            {
                TensorElementType.Int64 => BinaryPrimitives.ReadInt64LittleEndian(data[(i * 8)..]),
                TensorElementType.UInt64 => Signed(tensor, BinaryPrimitives.ReadUInt64LittleEndian(data[(i * 8)..])),
                TensorElementType.Int32 => BinaryPrimitives.ReadInt32LittleEndian(data[(i * 4)..]),
                TensorElementType.UInt32 => BinaryPrimitives.ReadUInt32LittleEndian(data[(i * 4)..]),
                TensorElementType.Int16 => BinaryPrimitives.ReadInt16LittleEndian(data[(i * 2)..]),
                TensorElementType.UInt16 => BinaryPrimitives.ReadUInt16LittleEndian(data[(i * 2)..]),
                TensorElementType.Int8 => (sbyte)data[i],
                TensorElementType.UInt8 => data[i],
                TensorElementType.Bool => data[i] == 0 ? 0 : 1,
                TensorElementType.UInt4 => (data[i / 2] >> (i % 2 * 4)) & 0xF,
                TensorElementType.Int4 => (sbyte)(data[i / 2] << (4 - (i % 2 * 4))) >> 4,
                TensorElementType.UInt2 => (data[i / 4] >> (i % 4 * 2)) & 0x3,
                _ => (sbyte)(data[i / 4] << (6 - (i % 4 * 2))) >> 6,
            };
        }

        return values;
    }

    private static long Signed(TensorProto tensor, ulong value) => value <= long.MaxValue
        ? (long)value
        : throw new OnnxFormatException($"Tensor '{tensor.Name}' holds {value}, which is too large for a signed 64-bit integer.");
}
