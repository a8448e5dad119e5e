using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace OrtZero.Kernels.Internal;

/// <summary>
/// Cross-entropy of one row of scores with its gradient, PyTorch's definition: with label y, smoothing s and C classes,
/// loss = (1-s) * (lse - z_y) + s/C * sum_j(lse - z_j); d loss / d z = softmax(z) - (1-s) * onehot(y) - s/C.
/// </summary>
internal static class CrossEntropyMath
{
    private const int Lanes = Rows.Lanes;

    /// <summary>
    /// Writes <paramref name="factor"/> times the gradient of the row and returns the row's loss. Scores with a NaN or plus infinity, or
    /// all minus infinity, give NaN for both.
    /// </summary>
    internal static double Row(ReadOnlySpan<float> scores, int label, double smoothing, double factor, Span<float> gradient)
    {
        var max = Rows.Max(scores);
        var sum = Rows.ExpAndSum(scores, max, gradient);
        var classes = scores.Length;
        var scale = (float)(factor / sum);
        var minusShift = (float)(-factor * smoothing / classes);
        ref var target = ref MemoryMarshal.GetReference(gradient);
        var scales = Vector512.Create(scale);
        var minusShifts = Vector512.Create(minusShift);
        var i = 0;
        for (; i <= classes - Lanes; i += Lanes)
        {
            Vector512.FusedMultiplyAdd(Vector512.LoadUnsafe(ref target, (nuint)i), scales, minusShifts).StoreUnsafe(ref target, (nuint)i);
        }

        for (; i < classes; i++)
        {
            gradient[i] = MathF.FusedMultiplyAdd(gradient[i], scale, minusShift);
        }

        gradient[label] -= (float)(factor * (1 - smoothing));

        // max - z is exact in float64, so the size of the scores costs no accuracy.
        var logSum = Math.Log(sum);
        var loss = (1 - smoothing) * (logSum + ((double)max - scores[label]));
        if (smoothing != 0)
        {
            loss += smoothing * (logSum + (max - (Rows.Sum(scores) / classes)));
        }

        return loss;
    }
}
