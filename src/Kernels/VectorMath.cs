using System.Numerics.Tensors;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace OrtZero.Kernels;

/// <summary>
/// Vector arithmetic on float32 spans. Sums use sixteen lanes and one fixed combination order whatever vectors the
/// machine has, so that the same numbers come out on every machine with fused multiply-add.
/// </summary>
public static partial class VectorMath
{
    private const int Lanes = 16;

    // Sums of squares are added up per block, which keeps the error of long sums near that of one addition.
    private const int ElementsPerBlock = 512;

    /// <summary>
    /// Sum of squares in float64, relatively within 2e-15 of the exact sum at worst and 1e-15 as a rule. Squares of float32 are exact in
    /// float64; only the additions round, and their order depends on the length alone.
    /// </summary>
    /// <param name="values">Any length; an empty span gives 0.</param>
    public static double SumOfSquares(ReadOnlySpan<float> values)
    {
        if (values.Length <= ElementsPerBlock)
        {
            return SumOfSquaresOfBlock(values);
        }

        // Neumaier's compensated sum over the blocks.
        double sum = 0, lost = 0;
        for (var start = 0; start < values.Length; start += ElementsPerBlock)
        {
            var block = SumOfSquaresOfBlock(values.Slice(start, Math.Min(ElementsPerBlock, values.Length - start)));
            var next = sum + block;
            lost += sum >= block ? sum - next + block : block - next + sum;
            sum = next;
        }

        // Once the sum is infinite what was lost is NaN, which would hide that the values were finite or infinite, not NaN.
        return double.IsFinite(sum) ? sum + lost : sum;
    }

    /// <summary>Adds <paramref name="source"/> to <paramref name="target"/>, element by element.</summary>
    /// <exception cref="ArgumentException">The lengths differ, or the spans overlap without being the same.</exception>
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

    private static double SumOfSquaresOfBlock(ReadOnlySpan<float> values)
    {
        // Eight accumulators of eight float64 lanes hide the latency of the additions.
        Vector512<double> a0 = default, a1 = default, a2 = default, a3 = default, a4 = default, a5 = default, a6 = default, a7 = default;
        ref var start = ref MemoryMarshal.GetReference(values);
        var i = 0;
        for (; i <= values.Length - (4 * Lanes); i += 4 * Lanes)
        {
            var at = (nuint)i;
            var (low0, high0) = Vector512.Widen(Vector512.LoadUnsafe(ref start, at));
            var (low1, high1) = Vector512.Widen(Vector512.LoadUnsafe(ref start, at + 16));
            var (low2, high2) = Vector512.Widen(Vector512.LoadUnsafe(ref start, at + 32));
            var (low3, high3) = Vector512.Widen(Vector512.LoadUnsafe(ref start, at + 48));
            a0 = Vector512.FusedMultiplyAdd(low0, low0, a0);
            a1 = Vector512.FusedMultiplyAdd(high0, high0, a1);
            a2 = Vector512.FusedMultiplyAdd(low1, low1, a2);
            a3 = Vector512.FusedMultiplyAdd(high1, high1, a3);
            a4 = Vector512.FusedMultiplyAdd(low2, low2, a4);
            a5 = Vector512.FusedMultiplyAdd(high2, high2, a5);
            a6 = Vector512.FusedMultiplyAdd(low3, low3, a6);
            a7 = Vector512.FusedMultiplyAdd(high3, high3, a7);
        }

        var sum = Combine(a0 + a1 + (a2 + a3) + (a4 + a5 + (a6 + a7)));
        var rest = 0.0;
        for (; i < values.Length; i++)
        {
            rest += (double)values[i] * values[i];
        }

        return sum + rest;
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
    internal static double Combine(Vector512<double> lanes)
    {
        var four = lanes.GetLower() + lanes.GetUpper();
        var two = four.GetLower() + four.GetUpper();
        return two[0] + two[1];
    }
}
