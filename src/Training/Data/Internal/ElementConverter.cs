using System.Numerics;
using System.Numerics.Tensors;
using System.Runtime.InteropServices;
using OrtZero.Onnx;

namespace OrtZero.Training.Internal;

/// <summary>
/// Copies elements from a file's type to a model input's. Integers go into any integer type that holds them (each value is
/// checked where the type is narrower), into floating point only where every value of the type is exact; floating point goes
/// into wider floating point and from float64 to float32, rounded to nearest; booleans become 0 and 1.
/// </summary>
internal abstract class ElementConverter
{
    /// <summary>Converts; both spans are raw elements of the two types, equally many.</summary>
    /// <returns>The position of the first element that the target type cannot hold, or that is not finite; -1 if all is well.</returns>
    public abstract long Convert(ReadOnlySpan<byte> source, Span<byte> target);

    /// <summary>The position of the first element that is NaN or infinite; -1 for none and for types that have no such values.</summary>
    public abstract long IndexOfNonFinite(ReadOnlySpan<byte> target);

    /// <summary>The element at a position of the source, for messages.</summary>
    public abstract string Element(ReadOnlySpan<byte> source, long index);

    /// <summary>Null when the types do not go together.</summary>
    public static ElementConverter? Create(TensorElementType from, TensorElementType to) => from switch
    {
        TensorElementType.Float => To<float>(from, to),
        TensorElementType.Double => To<double>(from, to),
        TensorElementType.Float16 => To<Half>(from, to),
        TensorElementType.Int64 => To<long>(from, to),
        TensorElementType.Int32 => To<int>(from, to),
        TensorElementType.Int16 => To<short>(from, to),
        TensorElementType.Int8 => To<sbyte>(from, to),
        TensorElementType.UInt64 => To<ulong>(from, to),
        TensorElementType.UInt32 => To<uint>(from, to),
        TensorElementType.UInt16 => To<ushort>(from, to),
        TensorElementType.UInt8 or TensorElementType.Bool => To<byte>(from, to),
        _ => null,
    };

    private static ElementConverter? To<TFrom>(TensorElementType from, TensorElementType to)
        where TFrom : unmanaged, INumber<TFrom> => !IsAllowed(from, to) ? null : to switch
    {
        TensorElementType.Float => new Converter<TFrom, float>(),
        TensorElementType.Double => new Converter<TFrom, double>(),
        TensorElementType.Float16 => new Converter<TFrom, Half>(),
        TensorElementType.Int64 => new Converter<TFrom, long>(),
        TensorElementType.Int32 => new Converter<TFrom, int>(),
        TensorElementType.Int16 => new Converter<TFrom, short>(),
        TensorElementType.Int8 => new Converter<TFrom, sbyte>(),
        TensorElementType.UInt64 => new Converter<TFrom, ulong>(),
        TensorElementType.UInt32 => new Converter<TFrom, uint>(),
        TensorElementType.UInt16 => new Converter<TFrom, ushort>(),
        TensorElementType.UInt8 or TensorElementType.Bool => new Converter<TFrom, byte>(),
        _ => null,
    };

    private static bool IsAllowed(TensorElementType from, TensorElementType to)
    {
        if (from == to)
        {
            return true;
        }

        if (to == TensorElementType.Bool)
        {
            return false;
        }

        if (from.IsFloatingPoint())
        {
            return to.IsFloatingPoint() && (to.SizeInBits() > from.SizeInBits()
                || (from == TensorElementType.Double && to == TensorElementType.Float));
        }

        // Every integer of at most 11, 24 or 53 bits is a float16, float32 or float64.
        var exactBits = to switch { TensorElementType.Float16 => 11, TensorElementType.Float => 24, TensorElementType.Double => 53, _ => 64 };
        return from.SizeInBits() <= exactBits;
    }

    private sealed class Converter<TFrom, TTo> : ElementConverter
        where TFrom : unmanaged, INumber<TFrom>
        where TTo : unmanaged, INumber<TTo>
    {
        public override long Convert(ReadOnlySpan<byte> source, Span<byte> target)
        {
            var values = MemoryMarshal.Cast<byte, TFrom>(source);
            var converted = MemoryMarshal.Cast<byte, TTo>(target);
            if (typeof(TFrom) == typeof(TTo))
            {
                source.CopyTo(target);
            }
            else
            {
                TensorPrimitives.ConvertTruncating(values, converted);
                if (IsInteger(TFrom.Zero) && IsInteger(TTo.Zero))
                {
                    return IndexOfChanged(values, converted);
                }
            }

            return IndexOfNonFinite(target);
        }

        public override long IndexOfNonFinite(ReadOnlySpan<byte> target)
        {
            var values = MemoryMarshal.Cast<byte, TTo>(target);
            if (IsInteger(TTo.Zero) || TensorPrimitives.IsFiniteAll(values))
            {
                return -1;
            }

            var index = 0;
            while (TTo.IsFinite(values[index]))
            {
                index++;
            }

            return index;
        }

        public override string Element(ReadOnlySpan<byte> source, long index) =>
            MemoryMarshal.Cast<byte, TFrom>(source)[(int)index].ToString(null, System.Globalization.CultureInfo.InvariantCulture);

        private static int IndexOfChanged(ReadOnlySpan<TFrom> values, ReadOnlySpan<TTo> converted)
        {
            for (var index = 0; index < values.Length; index++)
            {
                // A wrapped value comes back different, or with another sign when only the signedness differs.
                if (TFrom.CreateTruncating(converted[index]) != values[index] || TTo.IsNegative(converted[index]) != TFrom.IsNegative(values[index]))
                {
                    return index;
                }
            }

            return -1;
        }

        // 1/2 is 0 exactly where there are no fractions.
        private static bool IsInteger<T>(T zero)
            where T : INumber<T> => T.One / (T.One + T.One) == zero;
    }
}
