using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace OrtZero.Kernels.Internal;

/// <summary>Reductions along one contiguous row, in an order fixed by its length alone.</summary>
internal static class Rows
{
    internal const int Lanes = 16;

    // Sums of float32 exponentials are moved to float64 after so many elements: long rows then lose nothing.
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

        if (i < a.Length)
        {
            s1 = Vector512.FusedMultiplyAdd(Tail.Load(a[i..]), Tail.Load(b[i..a.Length]), s1);
        }

        return VectorMath.Combine(s0 + s1 + (s2 + s3));
    }

    /// <summary>The largest element that is not NaN; minus infinity where there is none. What is computed from a NaN shows it anyway.</summary>
    internal static float Max(ReadOnlySpan<float> row)
    {
        ref var start = ref MemoryMarshal.GetReference(row);
        var m0 = Vector512.Create(float.NegativeInfinity);
        var m1 = m0;
        var i = 0;

        // The native maximum gives its second operand when one of them is NaN.
        for (; i <= row.Length - (2 * Lanes); i += 2 * Lanes)
        {
            m0 = Vector512.MaxNative(Vector512.LoadUnsafe(ref start, (nuint)i), m0);
            m1 = Vector512.MaxNative(Vector512.LoadUnsafe(ref start, (nuint)(i + Lanes)), m1);
        }

        for (; i < row.Length; i += Lanes)
        {
            var lanes = i <= row.Length - Lanes ? Vector512.LoadUnsafe(ref start, (nuint)i) : Tail.Load(row[i..], float.NegativeInfinity);
            m0 = Vector512.MaxNative(lanes, m0);
        }

        m0 = Vector512.MaxNative(m0, m1);
        var max = float.NegativeInfinity;
        for (var lane = 0; lane < Lanes; lane++)
        {
            max = MathF.Max(max, m0[lane]);
        }

        return max;
    }

    /// <summary>Writes exp(row - shift) to <paramref name="result"/> and returns its sum; a NaN anywhere makes the sum NaN.</summary>
    internal static double ExpAndSum(ReadOnlySpan<float> row, float shift, Span<float> result)
    {
        ref var start = ref MemoryMarshal.GetReference(row);
        ref var target = ref MemoryMarshal.GetReference(result[..row.Length]);
        var shifts = Vector512.Create(shift);
        var sum = 0.0;
        var whole = row.Length & ~(Lanes - 1);
        var i = 0;
        while (i < whole)
        {
            var stop = Math.Min(whole, i + ElementsPerSum);
            var lanes = Vector512<float>.Zero;
            for (; i < stop; i += Lanes)
            {
                var e = Transcendental.Exp(Vector512.LoadUnsafe(ref start, (nuint)i) - shifts);
                e.StoreUnsafe(ref target, (nuint)i);
                lanes += e;
            }

            sum += VectorMath.Combine(lanes);
        }

        if (i < row.Length)
        {
            var e = Transcendental.Exp(Tail.Load(row[i..], float.NegativeInfinity) - shifts);
            Tail.Store(e, result[i..row.Length]);
            sum += VectorMath.Combine(e);
        }

        return sum;
    }
}
