using System.Numerics.Tensors;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace OrtZero.Mpi.Internal;

/// <summary>Packs float32 numbers into 16 bits for the way between ranks, and adds what arrives in float32.</summary>
internal static class WireConversion
{
    /// <summary>In front of the numbers of a message of halves: the factor that undoes their scaling.</summary>
    public const int HeaderBytes = sizeof(float);

    /// <summary>The bytes of a message.</summary>
    public static int MessageBytes(int count, WireFormat format) => (count * sizeof(ushort)) + (format == WireFormat.Float16 ? HeaderBytes : 0);

    /// <summary>Packs numbers.</summary>
    /// <param name="source">The numbers.</param>
    /// <param name="message">As long as <see cref="MessageBytes"/> says.</param>
    /// <param name="scaled">Room for as many numbers; used for halves.</param>
    /// <param name="format">Not <see cref="WireFormat.Float32"/>.</param>
    public static void Encode(ReadOnlySpan<float> source, Span<byte> message, Span<float> scaled, WireFormat format)
    {
        if (format == WireFormat.Bfloat16)
        {
            EncodeBfloat16(source, MemoryMarshal.Cast<byte, ushort>(message));
            return;
        }

        var scale = ScaleOf(TensorPrimitives.MaxMagnitude(source));
        MemoryMarshal.Write(message, 1 / scale);
        TensorPrimitives.Multiply(source, scale, scaled);
        TensorPrimitives.ConvertToHalf(scaled, MemoryMarshal.Cast<byte, Half>(message[HeaderBytes..]));
    }

    /// <summary>Adds the numbers of a message to a sum.</summary>
    /// <param name="sum">The sum.</param>
    /// <param name="message">What <see cref="Encode"/> wrote.</param>
    /// <param name="unpacked">Room for as many numbers; used for halves.</param>
    /// <param name="format">Not <see cref="WireFormat.Float32"/>.</param>
    public static void Add(Span<float> sum, ReadOnlySpan<byte> message, Span<float> unpacked, WireFormat format)
    {
        if (format == WireFormat.Bfloat16)
        {
            AddBfloat16(sum, MemoryMarshal.Cast<byte, ushort>(message));
            return;
        }

        var factor = MemoryMarshal.Read<float>(message);
        TensorPrimitives.ConvertToSingle(MemoryMarshal.Cast<byte, Half>(message[HeaderBytes..]), unpacked);
        TensorPrimitives.MultiplyAdd(unpacked, factor, sum, sum);
    }

    /// <summary>The power of two that brings a magnitude to [2^14, 2^15), just below the largest half (65504).</summary>
    internal static float ScaleOf(float magnitude) => !float.IsFinite(magnitude) || magnitude == 0
        ? 1
        : MathF.ScaleB(1, Math.Clamp(14 - Math.ILogB(magnitude), -125, 125));

    private static void EncodeBfloat16(ReadOnlySpan<float> source, Span<ushort> target)
    {
        var bits = MemoryMarshal.Cast<float, uint>(source);
        var i = 0;
        for (; i <= bits.Length - (2 * Vector256<uint>.Count); i += 2 * Vector256<uint>.Count)
        {
            var lower = Round(Vector256.Create(bits[i..]));
            var upper = Round(Vector256.Create(bits[(i + Vector256<uint>.Count)..]));
            Vector256.Narrow(lower, upper).CopyTo(target[i..]);
        }

        for (; i < bits.Length; i++)
        {
            target[i] = (ushort)Round(Vector256.Create(bits[i])).ToScalar();
        }
    }

    // To nearest, ties to even; what is not a number stays one (rounding up its bits could make an infinity of it).
    private static Vector256<uint> Round(Vector256<uint> bits)
    {
        var magnitude = bits & Vector256.Create(0x7fffffffu);
        var isNaN = Vector256.GreaterThan(magnitude, Vector256.Create(0x7f800000u));
        var rounded = bits + Vector256.Create(0x7fffu) + ((bits >>> 16) & Vector256<uint>.One);
        return Vector256.ConditionalSelect(isNaN, bits | Vector256.Create(0x00400000u), rounded) >>> 16;
    }

    private static void AddBfloat16(Span<float> sum, ReadOnlySpan<ushort> message)
    {
        var i = 0;
        for (; i <= sum.Length - Vector256<ushort>.Count; i += Vector256<ushort>.Count)
        {
            var (lower, upper) = Vector256.Widen(Vector256.Create(message[i..]));
            (Vector256.Create<float>(sum[i..]) + (lower << 16).AsSingle()).CopyTo(sum[i..]);
            var next = sum[(i + Vector256<float>.Count)..];
            (Vector256.Create<float>(next) + (upper << 16).AsSingle()).CopyTo(next);
        }

        for (; i < sum.Length; i++)
        {
            sum[i] += BitConverter.UInt32BitsToSingle((uint)message[i] << 16);
        }
    }
}
