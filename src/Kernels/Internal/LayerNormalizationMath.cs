using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace OrtZero.Kernels.Internal;

/// <summary>
/// Gradient of y = (x - mean) * invStd * scale + bias along a row of n elements. With h = (x - mean) * invStd and
/// g = dY * scale: dX = invStd * (g - sum(g)/n - h * sum(g*h)/n), dScale += dY * h, dBias += dY.
/// Source: Ba, Kiros, Hinton, "Layer Normalization", differentiated; the form PyTorch's layer_norm_backward uses.
/// </summary>
internal static class LayerNormalizationMath
{
    private const int Lanes = Rows.Lanes;

    internal static void BackwardRow(
        ReadOnlySpan<float> dY, ReadOnlySpan<float> x, ReadOnlySpan<float> scale, float mean, float invStd,
        Span<float> dX, Span<float> dScale, Span<float> dBias)
    {
        var n = x.Length;
        ref var dYs = ref MemoryMarshal.GetReference(dY);
        ref var xs = ref MemoryMarshal.GetReference(x);
        ref var scales = ref MemoryMarshal.GetReference(scale);
        ref var dXs = ref MemoryMarshal.GetReference(dX);
        ref var dScales = ref MemoryMarshal.GetReference(dScale);
        ref var dBiases = ref MemoryMarshal.GetReference(dBias);
        var means = Vector512.Create(mean);
        var invStds = Vector512.Create(invStd);
        var sumG = Vector512<float>.Zero;
        var sumGh = Vector512<float>.Zero;
        var i = 0;
        for (; i <= n - Lanes; i += Lanes)
        {
            var at = (nuint)i;
            var d = Vector512.LoadUnsafe(ref dYs, at);
            var h = (Vector512.LoadUnsafe(ref xs, at) - means) * invStds;
            var g = d * Vector512.LoadUnsafe(ref scales, at);
            sumG += g;
            sumGh = Vector512.FusedMultiplyAdd(g, h, sumGh);
            Vector512.FusedMultiplyAdd(d, h, Vector512.LoadUnsafe(ref dScales, at)).StoreUnsafe(ref dScales, at);
            (Vector512.LoadUnsafe(ref dBiases, at) + d).StoreUnsafe(ref dBiases, at);
        }

        var totalG = VectorMath.Combine(sumG);
        var totalGh = VectorMath.Combine(sumGh);
        var tail = i;
        for (; i < n; i++)
        {
            var h = (x[i] - mean) * invStd;
            var g = dY[i] * scale[i];
            totalG += g;
            totalGh = MathF.FusedMultiplyAdd(g, h, totalGh);
            dScale[i] = MathF.FusedMultiplyAdd(dY[i], h, dScale[i]);
            dBias[i] += dY[i];
        }

        var meanG = totalG / n;
        var meanGh = totalGh / n;
        var meansG = Vector512.Create(meanG);
        var minusMeansGh = Vector512.Create(-meanGh);
        for (i = 0; i < tail; i += Lanes)
        {
            var at = (nuint)i;
            var h = (Vector512.LoadUnsafe(ref xs, at) - means) * invStds;
            var g = Vector512.LoadUnsafe(ref dYs, at) * Vector512.LoadUnsafe(ref scales, at);
            (invStds * Vector512.FusedMultiplyAdd(h, minusMeansGh, g - meansG)).StoreUnsafe(ref dXs, at);
        }

        for (; i < n; i++)
        {
            var h = (x[i] - mean) * invStd;
            dX[i] = invStd * MathF.FusedMultiplyAdd(h, -meanGh, (dY[i] * scale[i]) - meanG);
        }
    }
}
