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

    /// <summary>Writes <paramref name="factor"/> times the gradient of the row and returns the row's loss.</summary>
    internal static double Row(ReadOnlySpan<float> scores, int label, float smoothing, float factor, Span<float> gradient)
    {
        var max = Rows.Max(scores);
        var sum = Rows.ExpAndSum(scores, max, gradient);
        var classes = scores.Length;
        var scale = factor / sum;
        var shift = factor * smoothing / classes;
        ref var target = ref MemoryMarshal.GetReference(gradient);
        var scales = Vector512.Create(scale);
        var shifts = Vector512.Create(-shift);
        var i = 0;
        for (; i <= classes - Lanes; i += Lanes)
        {
            Vector512.FusedMultiplyAdd(Vector512.LoadUnsafe(ref target, (nuint)i), scales, shifts).StoreUnsafe(ref target, (nuint)i);
        }

        for (; i < classes; i++)
        {
            gradient[i] = MathF.FusedMultiplyAdd(gradient[i], scale, -shift);
        }

        gradient[label] -= factor * (1f - smoothing);

        var logSum = max + Math.Log(sum);
        var loss = (1.0 - smoothing) * (logSum - scores[label]);
        if (smoothing != 0)
        {
            loss += smoothing * (logSum - (Rows.Sum(scores) / (double)classes));
        }

        return loss;
    }
}
