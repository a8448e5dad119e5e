namespace OrtZero.Onnx;

/// <summary>Sizes and kinds of <see cref="TensorElementType"/>.</summary>
public static class TensorElementTypeExtensions
{
    /// <summary>The bits one element takes; 0 for <see cref="TensorElementType.String"/>, whose elements have no fixed size.</summary>
    /// <exception cref="OnnxFormatException">The type is undefined or not one of the specification's.</exception>
    public static int SizeInBits(this TensorElementType type) => type switch
    {
        TensorElementType.String => 0,
        TensorElementType.UInt2 or TensorElementType.Int2 => 2,
        TensorElementType.UInt4 or TensorElementType.Int4 or TensorElementType.Float4E2M1 => 4,
        TensorElementType.UInt8 or TensorElementType.Int8 or TensorElementType.Bool or TensorElementType.Float8E4M3FN
            or TensorElementType.Float8E4M3FNUZ or TensorElementType.Float8E5M2 or TensorElementType.Float8E5M2FNUZ
            or TensorElementType.Float8E8M0 => 8,
        TensorElementType.UInt16 or TensorElementType.Int16 or TensorElementType.Float16 or TensorElementType.BFloat16 => 16,
        TensorElementType.Float or TensorElementType.Int32 or TensorElementType.UInt32 => 32,
        TensorElementType.Double or TensorElementType.Int64 or TensorElementType.UInt64 or TensorElementType.Complex64 => 64,
        TensorElementType.Complex128 => 128,
        _ => throw new OnnxFormatException($"Element type {(int)type} is not one of ONNX's types 1 to 26; export the model again with a supported type."),
    };

    /// <summary>The bytes that <paramref name="elementCount"/> elements take when packed, the last byte filled up.</summary>
    /// <exception cref="OnnxFormatException">The type has no size, or the size does not fit 64 bits.</exception>
    public static long SizeInBytes(this TensorElementType type, long elementCount)
    {
        var bits = type.SizeInBits();
        if (bits == 0)
        {
            throw new OnnxFormatException("A tensor of strings has no fixed size in bytes; read its string_data instead.");
        }

        var bytes = bits >= 8 ? (Int128)elementCount * (bits / 8) : (((Int128)elementCount * bits) + 7) / 8;
        return bytes <= long.MaxValue
            ? (long)bytes
            : throw new OnnxFormatException($"{elementCount} elements of type {type} do not fit an addressable size; the tensor's shape is wrong.");
    }

    /// <summary>Whether the type is a real floating-point type of any width.</summary>
    public static bool IsFloatingPoint(this TensorElementType type) => type
        is TensorElementType.Float or TensorElementType.Double or TensorElementType.Float16 or TensorElementType.BFloat16
        or TensorElementType.Float8E4M3FN or TensorElementType.Float8E4M3FNUZ or TensorElementType.Float8E5M2
        or TensorElementType.Float8E5M2FNUZ or TensorElementType.Float8E8M0 or TensorElementType.Float4E2M1;

    /// <summary>Whether the type is a signed or unsigned integer of any width; <see cref="TensorElementType.Bool"/> is not.</summary>
    public static bool IsInteger(this TensorElementType type) => type
        is TensorElementType.UInt8 or TensorElementType.Int8 or TensorElementType.UInt16 or TensorElementType.Int16
        or TensorElementType.Int32 or TensorElementType.Int64 or TensorElementType.UInt32 or TensorElementType.UInt64
        or TensorElementType.UInt4 or TensorElementType.Int4 or TensorElementType.UInt2 or TensorElementType.Int2;

    /// <summary>Whether the number is that of a type in the specification.</summary>
    public static bool IsDefined(this TensorElementType type) => type is >= TensorElementType.Float and <= TensorElementType.Int2;
}
