using System.Numerics;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace OrtZero.Kernels;

/// <content>What measuring an update needs.</content>
public static partial class VectorMath
{
    /// <summary>
    /// Sum of squared differences in float64. Differences of float32 are formed in float64 too, so that the small step of a large number
    /// is not rounded; the order of additions depends on the length alone.
    /// </summary>
    /// <param name="left">Any length; an empty span gives 0.</param>
    /// <param name="right">As long.</param>
    /// <exception cref="ArgumentException">The lengths differ.</exception>
    public static double SumOfSquaredDifferences(ReadOnlySpan<float> left, ReadOnlySpan<float> right)
    {
        if (left.Length != right.Length)
        {
            throw new ArgumentException($"{left.Length} and {right.Length} elements have no differences.", nameof(right));
        }

        Vector512<double> a0 = default, a1 = default, a2 = default, a3 = default;
        ref var first = ref MemoryMarshal.GetReference(left);
        ref var second = ref MemoryMarshal.GetReference(right);
        var i = 0;
        for (; i <= left.Length - (2 * Lanes); i += 2 * Lanes)
        {
            var at = (nuint)i;
            var (low0, high0) = Vector512.Widen(Vector512.LoadUnsafe(ref first, at));
            var (low1, high1) = Vector512.Widen(Vector512.LoadUnsafe(ref first, at + Lanes));
            var (otherLow0, otherHigh0) = Vector512.Widen(Vector512.LoadUnsafe(ref second, at));
            var (otherLow1, otherHigh1) = Vector512.Widen(Vector512.LoadUnsafe(ref second, at + Lanes));
            low0 -= otherLow0;
            high0 -= otherHigh0;
            low1 -= otherLow1;
            high1 -= otherHigh1;
            a0 = Vector512.FusedMultiplyAdd(low0, low0, a0);
            a1 = Vector512.FusedMultiplyAdd(high0, high0, a1);
            a2 = Vector512.FusedMultiplyAdd(low1, low1, a2);
            a3 = Vector512.FusedMultiplyAdd(high1, high1, a3);
        }

        var rest = 0.0;
        for (; i < left.Length; i++)
        {
            var difference = (double)left[i] - right[i];
            rest += difference * difference;
        }

        return Combine(a0 + a1 + (a2 + a3)) + rest;
    }

    /// <summary>How many elements are 0 or -0.</summary>
    public static int CountZeros(ReadOnlySpan<float> values)
    {
        ref var start = ref MemoryMarshal.GetReference(values);
        var (count, i) = (0, 0);
        for (; i <= values.Length - Lanes; i += Lanes)
        {
            count += BitOperations.PopCount(Vector512.Equals(Vector512.LoadUnsafe(ref start, (nuint)i), Vector512<float>.Zero).ExtractMostSignificantBits());
        }

        for (; i < values.Length; i++)
        {
            count += values[i] == 0 ? 1 : 0;
        }

        return count;
    }
}
