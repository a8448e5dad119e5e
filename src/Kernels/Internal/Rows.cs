using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace OrtZero.Kernels.Internal;

/// <summary>Reductions along one contiguous row, sixteen lanes at a time, the tail in order after them.</summary>
internal static class Rows
{
    internal const int Lanes = 16;

    internal static float Sum(ReadOnlySpan<float> row)
    {
        ref var start = ref MemoryMarshal.GetReference(row);
        var lanes = Vector512<float>.Zero;
        var i = 0;
        for (; i <= row.Length - Lanes; i += Lanes)
        {
            lanes += Vector512.LoadUnsafe(ref start, (nuint)i);
        }

        var sum = VectorMath.Combine(lanes);
        for (; i < row.Length; i++)
        {
            sum += row[i];
        }

        return sum;
    }

    internal static float Dot(ReadOnlySpan<float> a, ReadOnlySpan<float> b)
    {
        ref var startA = ref MemoryMarshal.GetReference(a);
        ref var startB = ref MemoryMarshal.GetReference(b);
        var lanes = Vector512<float>.Zero;
        var i = 0;
        for (; i <= a.Length - Lanes; i += Lanes)
        {
            lanes = Vector512.FusedMultiplyAdd(
                Vector512.LoadUnsafe(ref startA, (nuint)i), Vector512.LoadUnsafe(ref startB, (nuint)i), lanes);
        }

        var sum = VectorMath.Combine(lanes);
        for (; i < a.Length; i++)
        {
            sum = MathF.FusedMultiplyAdd(a[i], b[i], sum);
        }

        return sum;
    }

    internal static float Max(ReadOnlySpan<float> row)
    {
        ref var start = ref MemoryMarshal.GetReference(row);
        var lanes = Vector512.Create(float.NegativeInfinity);
        var i = 0;
        for (; i <= row.Length - Lanes; i += Lanes)
        {
            lanes = Vector512.Max(lanes, Vector512.LoadUnsafe(ref start, (nuint)i));
        }

        var max = float.NegativeInfinity;
        for (var lane = 0; lane < Lanes; lane++)
        {
            max = MathF.Max(max, lanes[lane]);
        }

        for (; i < row.Length; i++)
        {
            max = MathF.Max(max, row[i]);
        }

        return max;
    }

    /// <summary>Writes exp(row - shift) to <paramref name="result"/> and returns its sum.</summary>
    internal static float ExpAndSum(ReadOnlySpan<float> row, float shift, Span<float> result)
    {
        ref var start = ref MemoryMarshal.GetReference(row);
        ref var target = ref MemoryMarshal.GetReference(result);
        var shifts = Vector512.Create(shift);
        var lanes = Vector512<float>.Zero;
        var i = 0;
        for (; i <= row.Length - Lanes; i += Lanes)
        {
            var e = Vector512.Exp(Vector512.LoadUnsafe(ref start, (nuint)i) - shifts);
            e.StoreUnsafe(ref target, (nuint)i);
            lanes += e;
        }

        var sum = VectorMath.Combine(lanes);
        for (; i < row.Length; i++)
        {
            sum += result[i] = MathF.Exp(row[i] - shift);
        }

        return sum;
    }
}
