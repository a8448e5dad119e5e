using System.Runtime.CompilerServices;
using OrtZero.Onnx;

namespace OrtZero.Runtime.Internal;

/// <summary>Which C# type reads which tensor element type, and how many bytes elements take.</summary>
internal static class ElementLayout
{
    /// <summary>
    /// True if elements of <paramref name="type"/> may be seen as <typeparamref name="T"/>. Bytes see everything, and
    /// ushort sees the two 16-bit float types.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool Accepts<T>(TensorElementType type)
        where T : unmanaged
    {
        // The comparisons of types are constants to the JIT, so one comparison of numbers is left.
        if (typeof(T) == typeof(float))
        {
            return type == TensorElementType.Float;
        }

        if (typeof(T) == typeof(double))
        {
            return type == TensorElementType.Double;
        }

        if (typeof(T) == typeof(long))
        {
            return type == TensorElementType.Int64;
        }

        if (typeof(T) == typeof(int))
        {
            return type == TensorElementType.Int32;
        }

        if (typeof(T) == typeof(bool))
        {
            return type == TensorElementType.Bool;
        }

        if (typeof(T) == typeof(Half))
        {
            return type == TensorElementType.Float16;
        }

        if (typeof(T) == typeof(ushort))
        {
            return type is TensorElementType.UInt16 or TensorElementType.Float16 or TensorElementType.BFloat16;
        }

        return typeof(T) == typeof(byte) ? type != TensorElementType.String
            : typeof(T) == typeof(sbyte) ? type == TensorElementType.Int8
            : typeof(T) == typeof(short) ? type == TensorElementType.Int16
            : typeof(T) == typeof(uint) ? type == TensorElementType.UInt32
            : typeof(T) == typeof(ulong) && type == TensorElementType.UInt64;
    }

    /// <summary>The number ONNX Runtime gives the type; the newest types were numbered in another order there.</summary>
    public static int ToNative(TensorElementType type) => type switch
    {
        TensorElementType.UInt2 => 24,
        TensorElementType.Int2 => 25,
        TensorElementType.Float8E8M0 => 26,
        _ => (int)type,
    };

    /// <summary>The type of a number of ONNX Runtime.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TensorElementType FromNative(int type) => type <= (int)TensorElementType.Float4E2M1 ? (TensorElementType)type : FromNewest(type);

    /// <summary>The bytes that <paramref name="count"/> elements take; elements below 8 bits are packed.</summary>
    public static long ByteLength(TensorElementType type, long count) => checked((count * type.SizeInBits()) + 7) / 8;

    /// <summary>How many <typeparamref name="T"/> there are in a tensor of <paramref name="count"/> elements.</summary>
    public static long SpanLength<T>(TensorElementType type, long count)
        where T : unmanaged =>
        typeof(T) == typeof(byte) ? ByteLength(type, count) : count;

    /// <summary>The number of elements of a shape.</summary>
    /// <exception cref="ArgumentException">An axis is negative.</exception>
    public static long Count(ReadOnlySpan<long> shape)
    {
        var count = 1L;
        foreach (var length in shape)
        {
            if (length < 0)
            {
                throw new ArgumentException($"Shape [{Format(shape)}] has a negative axis; a tensor needs known lengths.", nameof(shape));
            }

            count = checked(count * length);
        }

        return count;
    }

    private static TensorElementType FromNewest(int type) => type switch
    {
        24 => TensorElementType.UInt2,
        25 => TensorElementType.Int2,
        26 => TensorElementType.Float8E8M0,
        _ => throw new OrtException(OrtErrorCode.NotImplemented, $"ONNX Runtime gave element type {type}, which is not known here."),
    };

    /// <summary>The shape as people write it, with ? for unknown lengths.</summary>
    public static string Format(ReadOnlySpan<long> shape)
    {
        var parts = new string[shape.Length];
        for (var i = 0; i < parts.Length; i++)
        {
            parts[i] = shape[i] < 0 ? "?" : shape[i].ToString(System.Globalization.CultureInfo.InvariantCulture);
        }

        return string.Join(", ", parts);
    }
}
