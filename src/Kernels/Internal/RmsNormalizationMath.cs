using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace OrtZero.Kernels.Internal;

/// <summary>
/// y = x * invStd * scale with invStd = 1 / root(mean(x²) + epsilon) along a row of n elements (Zhang and Sennrich, "Root Mean Square Layer
/// Normalization"). With h = x * invStd and g = dY * scale: dX = invStd * (g - h * sum(g*h)/n), dScale += dY * h.
/// </summary>
internal static class RmsNormalizationMath
{
    private const int Lanes = Rows.Lanes;

    internal static float ForwardRow(ReadOnlySpan<float> x, ReadOnlySpan<float> scale, double epsilon, Span<float> y)
    {
        var n = x.Length;
        var invStd = (float)(1 / Math.Sqrt((VectorMath.SumOfSquares(x) / n) + epsilon));
        ref var xs = ref MemoryMarshal.GetReference(x);
        ref var scales = ref MemoryMarshal.GetReference(scale[..n]);
        ref var ys = ref MemoryMarshal.GetReference(y[..n]);
        var invStds = Vector512.Create(invStd);
        var i = 0;
        for (; i <= n - Lanes; i += Lanes)
        {
            var at = (nuint)i;
            (Vector512.LoadUnsafe(ref xs, at) * invStds * Vector512.LoadUnsafe(ref scales, at)).StoreUnsafe(ref ys, at);
        }

        for (; i < n; i++)
        {
            y[i] = x[i] * invStd * scale[i];
        }

        return invStd;
    }

    internal static void BackwardRow(
        ReadOnlySpan<float> dY, ReadOnlySpan<float> x, ReadOnlySpan<float> scale, float invStd, Span<float> dX, Span<float> dScale)
    {
        var n = x.Length;
        ref var dYs = ref MemoryMarshal.GetReference(dY[..n]);
        ref var xs = ref MemoryMarshal.GetReference(x);
        ref var scales = ref MemoryMarshal.GetReference(scale[..n]);
        ref var dXs = ref MemoryMarshal.GetReference(dX[..n]);
        ref var dScales = ref MemoryMarshal.GetReference(dScale[..n]);
        var invStds = Vector512.Create(invStd);
        var sums = Vector512<float>.Zero;
        var i = 0;
        for (; i <= n - Lanes; i += Lanes)
        {
            var at = (nuint)i;
            var d = Vector512.LoadUnsafe(ref dYs, at);
            var h = Vector512.LoadUnsafe(ref xs, at) * invStds;
            sums = Vector512.FusedMultiplyAdd(d * Vector512.LoadUnsafe(ref scales, at), h, sums);
            Vector512.FusedMultiplyAdd(d, h, Vector512.LoadUnsafe(ref dScales, at)).StoreUnsafe(ref dScales, at);
        }

        var sum = VectorMath.Combine(sums);
        var tail = i;
        for (; i < n; i++)
        {
            var h = x[i] * invStd;
            sum = MathF.FusedMultiplyAdd(dY[i] * scale[i], h, sum);
            dScale[i] = MathF.FusedMultiplyAdd(dY[i], h, dScale[i]);
        }

        var minusMean = -sum / n;
        var minusMeans = Vector512.Create(minusMean);
        for (i = 0; i < tail; i += Lanes)
        {
            var at = (nuint)i;
            var h = Vector512.LoadUnsafe(ref xs, at) * invStds;
            var g = Vector512.LoadUnsafe(ref dYs, at) * Vector512.LoadUnsafe(ref scales, at);
            (invStds * Vector512.FusedMultiplyAdd(h, minusMeans, g)).StoreUnsafe(ref dXs, at);
        }

        for (; i < n; i++)
        {
            dX[i] = invStd * MathF.FusedMultiplyAdd(x[i] * invStd, minusMean, dY[i] * scale[i]);
        }
    }
}
