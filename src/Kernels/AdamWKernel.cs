using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace OrtZero.Kernels;

/// <summary>
/// AdamW (Loshchilov and Hutter, "Decoupled Weight Decay Regularization", algorithm 2) with PyTorch's order of operations:
/// w -= lr*wd*w; m += (1-b1)*(g-m); v = b2*v + (1-b2)*g*g; w -= lr/c1 * m / (sqrt(v)/sqrt(c2) + eps).
/// Every element is computed alone, so the result does not depend on where a range begins or ends.
/// </summary>
public static class AdamWKernel
{
    private const int Lanes = 16;

    /// <summary>Updates weights and both moments in place; all four spans have one length.</summary>
    /// <exception cref="ArgumentException">The lengths differ.</exception>
    public static void Update(
        Span<float> weights, ReadOnlySpan<float> gradients, Span<float> firstMoments, Span<float> secondMoments, in AdamWParameters parameters)
    {
        var length = weights.Length;
        if (gradients.Length != length || firstMoments.Length != length || secondMoments.Length != length)
        {
            throw new ArgumentException(
                $"AdamW needs four spans of one length, not {length}, {gradients.Length}, {firstMoments.Length} and {secondMoments.Length}.");
        }

        var p = new Coefficients(parameters);
        ref var w = ref MemoryMarshal.GetReference(weights);
        ref var g = ref MemoryMarshal.GetReference(gradients);
        ref var m = ref MemoryMarshal.GetReference(firstMoments);
        ref var v = ref MemoryMarshal.GetReference(secondMoments);

        // Locals stay in registers; fields of a struct this large would be read from memory in every round.
        var (keep, scale, oneMinusBeta1, beta2) = (
            Vector512.Create(p.Keep), Vector512.Create(p.Scale), Vector512.Create(p.OneMinusBeta1), Vector512.Create(p.Beta2));
        var (oneMinusBeta2, rootCorrection2, epsilon, size) = (
            Vector512.Create(p.OneMinusBeta2), Vector512.Create(p.RootCorrection2), Vector512.Create(p.Epsilon), Vector512.Create(p.Size));
        var i = 0;
        for (; i <= length - Lanes; i += Lanes)
        {
            var at = (nuint)i;
            var gradient = Vector512.LoadUnsafe(ref g, at) * scale;
            var first = Vector512.LoadUnsafe(ref m, at);
            first = Vector512.FusedMultiplyAdd(oneMinusBeta1, gradient - first, first);
            var second = Vector512.FusedMultiplyAdd(oneMinusBeta2 * gradient, gradient, beta2 * Vector512.LoadUnsafe(ref v, at));
            var denominator = (Vector512.Sqrt(second) / rootCorrection2) + epsilon;
            first.StoreUnsafe(ref m, at);
            second.StoreUnsafe(ref v, at);
            ((Vector512.LoadUnsafe(ref w, at) * keep) - (size * (first / denominator))).StoreUnsafe(ref w, at);
        }

        // The same operations in the same order, so an element's value does not depend on where it lies.
        for (; i < length; i++)
        {
            var gradient = gradients[i] * p.Scale;
            var first = MathF.FusedMultiplyAdd(p.OneMinusBeta1, gradient - firstMoments[i], firstMoments[i]);
            var second = MathF.FusedMultiplyAdd(p.OneMinusBeta2 * gradient, gradient, p.Beta2 * secondMoments[i]);
            var denominator = (MathF.Sqrt(second) / p.RootCorrection2) + p.Epsilon;
            firstMoments[i] = first;
            secondMoments[i] = second;
            weights[i] = (weights[i] * p.Keep) - (p.Size * (first / denominator));
        }
    }

    /// <summary>What every element shares, computed in float64 and rounded once.</summary>
    private readonly struct Coefficients(in AdamWParameters p)
    {
        internal readonly float Keep = (float)(1.0 - (p.LearningRate * p.WeightDecay));
        internal readonly float Scale = p.GradientScale;
        internal readonly float OneMinusBeta1 = (float)(1.0 - p.Beta1);
        internal readonly float Beta2 = (float)p.Beta2;
        internal readonly float OneMinusBeta2 = (float)(1.0 - p.Beta2);
        internal readonly float RootCorrection2 = (float)Math.Sqrt(p.BiasCorrection2);
        internal readonly float Epsilon = (float)p.Epsilon;
        internal readonly float Size = (float)(p.LearningRate / p.BiasCorrection1);
    }
}
