using System.Numerics.Tensors;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace OrtZero.Kernels;

/// <summary>
/// Vector arithmetic on float32 spans. Sums use sixteen lanes and one fixed combination order whatever vectors the
/// machine has, so that the same numbers come out on every machine with fused multiply-add.
/// </summary>
public static class VectorMath
{
    private const int Lanes = 16;

    /// <summary>Sum of squares in float64. Squares of float32 are exact in float64; only the additions round.</summary>
    /// <param name="values">Any length; an empty span gives 0.</param>
    public static double SumOfSquares(ReadOnlySpan<float> values)
    {
        // Four accumulators of eight float64 lanes hide the latency of the additions.
        Vector512<double> a0 = default, a1 = default, a2 = default, a3 = default;
        ref var start = ref MemoryMarshal.GetReference(values);
        var i = 0;
        for (; i <= values.Length - (2 * Lanes); i += 2 * Lanes)
        {
            var (low0, high0) = Vector512.Widen(Vector512.LoadUnsafe(ref start, (nuint)i));
            var (low1, high1) = Vector512.Widen(Vector512.LoadUnsafe(ref start, (nuint)(i + Lanes)));
            a0 += low0 * low0;
            a1 += high0 * high0;
            a2 += low1 * low1;
            a3 += high1 * high1;
        }

        var sum = Combine(a0 + a1) + Combine(a2 + a3);
        for (; i < values.Length; i++)
        {
            var value = (double)values[i];
            sum += value * value;
        }

        return sum;
    }

    /// <summary>Adds <paramref name="source"/> to <paramref name="target"/>, element by element; lengths must be equal.</summary>
    public static void Add(Span<float> target, ReadOnlySpan<float> source) => TensorPrimitives.Add(target, source, target);

    /// <summary>Multiplies every element by <paramref name="factor"/>.</summary>
    public static void Scale(Span<float> target, float factor) => TensorPrimitives.Multiply(target, factor, target);

    /// <summary>Whether no element is infinite or NaN.</summary>
    public static bool AllFinite(ReadOnlySpan<float> values) => IndexOfNonFinite(values) < 0;

    /// <summary>The index of the first element that is infinite or NaN, or -1.</summary>
    public static int IndexOfNonFinite(ReadOnlySpan<float> values)
    {
        ref var start = ref MemoryMarshal.GetReference(values);
        var limit = Vector512.Create(float.MaxValue);
        var i = 0;
        for (; i <= values.Length - Lanes; i += Lanes)
        {
            // NaN compares false with everything, so "not at most the largest number" catches both.
            if (!Vector512.LessThanOrEqualAll(Vector512.Abs(Vector512.LoadUnsafe(ref start, (nuint)i)), limit))
            {
                break;
            }
        }

        for (; i < values.Length; i++)
        {
            if (!float.IsFinite(values[i]))
            {
                return i;
            }
        }

        return -1;
    }

    /// <summary>Sum of the sixteen lanes by halves: 16 to 8 to 4 to 2 to 1.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static float Combine(Vector512<float> lanes)
    {
        var eight = lanes.GetLower() + lanes.GetUpper();
        var four = eight.GetLower() + eight.GetUpper();
        return four[0] + four[2] + (four[1] + four[3]);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static double Combine(Vector512<double> lanes)
    {
        var four = lanes.GetLower() + lanes.GetUpper();
        var two = four.GetLower() + four.GetUpper();
        return two[0] + two[1];
    }
}
