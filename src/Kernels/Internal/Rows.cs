using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace OrtZero.Kernels.Internal;

/// <summary>Reductions along one contiguous row, in an order fixed by its length alone.</summary>
internal static class Rows
{
    internal const int Lanes = 16;

    private const int ElementsPerSum = 1024;

    /// <summary>The sum in float64.</summary>
    internal static double Sum(ReadOnlySpan<float> row)
    {
        ref var start = ref MemoryMarshal.GetReference(row);
        Vector512<double> low = default, high = default;
        var i = 0;
        for (; i <= row.Length - Lanes; i += Lanes)
        {
            var (a, b) = Vector512.Widen(Vector512.LoadUnsafe(ref start, (nuint)i));
            low += a;
            high += b;
        }

        var sum = VectorMath.Combine(low + high);
        for (; i < row.Length; i++)
        {
            sum += row[i];
        }

        return sum;
    }

    /// <summary>The sum of products, in four times sixteen lanes.</summary>
    internal static float Dot(ReadOnlySpan<float> a, ReadOnlySpan<float> b)
    {
        ref var startA = ref MemoryMarshal.GetReference(a);
        ref var startB = ref MemoryMarshal.GetReference(b[..a.Length]);
        Vector512<float> s0 = default, s1 = default, s2 = default, s3 = default;
        var i = 0;
        for (; i <= a.Length - (4 * Lanes); i += 4 * Lanes)
        {
            var at = (nuint)i;
            s0 = Vector512.FusedMultiplyAdd(Vector512.LoadUnsafe(ref startA, at), Vector512.LoadUnsafe(ref startB, at), s0);
            s1 = Vector512.FusedMultiplyAdd(Vector512.LoadUnsafe(ref startA, at + 16), Vector512.LoadUnsafe(ref startB, at + 16), s1);
            s2 = Vector512.FusedMultiplyAdd(Vector512.LoadUnsafe(ref startA, at + 32), Vector512.LoadUnsafe(ref startB, at + 32), s2);
            s3 = Vector512.FusedMultiplyAdd(Vector512.LoadUnsafe(ref startA, at + 48), Vector512.LoadUnsafe(ref startB, at + 48), s3);
        }

        for (; i <= a.Length - Lanes; i += Lanes)
        {
            s0 = Vector512.FusedMultiplyAdd(Vector512.LoadUnsafe(ref startA, (nuint)i), Vector512.LoadUnsafe(ref startB, (nuint)i), s0);
        }

        var sum = VectorMath.Combine(s0 + s1 + (s2 + s3));
        for (; i < a.Length; i++)
        {
            sum = MathF.FusedMultiplyAdd(a[i], b[i], sum);
        }

        return sum;
    }

    /// <summary>The largest element that is not NaN; minus infinity where there is none. What is computed from a NaN shows it anyway.</summary>
    internal static float Max(ReadOnlySpan<float> row)
    {
        ref var start = ref MemoryMarshal.GetReference(row);
        var m0 = Vector512.Create(float.NegativeInfinity);
        var (m1, m2, m3) = (m0, m0, m0);
        var i = 0;

        // The native maximum gives its second operand when one of them is NaN.
        for (; i <= row.Length - (4 * Lanes); i += 4 * Lanes)
        {
            var at = (nuint)i;
            m0 = Vector512.MaxNative(Vector512.LoadUnsafe(ref start, at), m0);
            m1 = Vector512.MaxNative(Vector512.LoadUnsafe(ref start, at + 16), m1);
            m2 = Vector512.MaxNative(Vector512.LoadUnsafe(ref start, at + 32), m2);
            m3 = Vector512.MaxNative(Vector512.LoadUnsafe(ref start, at + 48), m3);
        }

        for (; i <= row.Length - Lanes; i += Lanes)
        {
            m0 = Vector512.MaxNative(Vector512.LoadUnsafe(ref start, (nuint)i), m0);
        }

        m0 = Vector512.MaxNative(Vector512.MaxNative(m0, m1), Vector512.MaxNative(m2, m3));
        var eight = Vector256.MaxNative(m0.GetLower(), m0.GetUpper());
        var four = Vector128.MaxNative(eight.GetLower(), eight.GetUpper());
        var max = Larger(Larger(four[0], four[1]), Larger(four[2], four[3]));
        for (; i < row.Length; i++)
        {
            max = Larger(row[i], max);
        }

        return max;
    }

    /// <summary>
    /// Writes exp(row - shift) to <paramref name="result"/> and returns its sum; a NaN anywhere makes the sum NaN. Sums of float32 are moved
    /// to float64 every <see cref="ElementsPerSum"/> elements: long rows then lose nothing.
    /// </summary>
    internal static double ExpAndSum(ReadOnlySpan<float> row, float shift, Span<float> result)
    {
        var sum = 0.0;
        var whole = row.Length & ~(Lanes - 1);
        for (var i = 0; i < whole; i += ElementsPerSum)
        {
            var length = Math.Min(ElementsPerSum, whole - i);
            sum += ExpAndSumOfVectors(row.Slice(i, length), shift, result.Slice(i, length));
        }

        if (whole < row.Length)
        {
            Span<float> block = stackalloc float[Lanes];
            Tail.Fill(block, row[whole..], float.NegativeInfinity);
            sum += ExpAndSumOfVectors(block, shift, block);
            block[..(row.Length - whole)].CopyTo(result[whole..]);
        }

        return sum;
    }

    // No call may stand beside the loop: vectors that live across one are kept in memory, in the loop too.
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static float ExpAndSumOfVectors(ReadOnlySpan<float> row, float shift, Span<float> result)
    {
        ref var start = ref MemoryMarshal.GetReference(row);
        ref var target = ref MemoryMarshal.GetReference(result);
        var shifts = Vector512.Create(shift);
        var lanes = Vector512<float>.Zero;
        for (var i = 0; i < row.Length; i += Lanes)
        {
            var e = Transcendental.Exp(Vector512.LoadUnsafe(ref start, (nuint)i) - shifts);
            e.StoreUnsafe(ref target, (nuint)i);
            lanes += e;
        }

        return VectorMath.Combine(lanes);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static float Larger(float a, float b) => a > b ? a : b;
}
