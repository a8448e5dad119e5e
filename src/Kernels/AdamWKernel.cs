using System.Runtime.CompilerServices;
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

        var step = new Step(parameters);
        ref var w = ref MemoryMarshal.GetReference(weights);
        ref var g = ref MemoryMarshal.GetReference(gradients);
        ref var m = ref MemoryMarshal.GetReference(firstMoments);
        ref var v = ref MemoryMarshal.GetReference(secondMoments);
        var i = 0;
        for (; i <= length - Lanes; i += Lanes)
        {
            var at = (nuint)i;
            var (nextW, nextM, nextV) = step.Apply(
                Vector512.LoadUnsafe(ref w, at), Vector512.LoadUnsafe(ref g, at), Vector512.LoadUnsafe(ref m, at), Vector512.LoadUnsafe(ref v, at));
            nextW.StoreUnsafe(ref w, at);
            nextM.StoreUnsafe(ref m, at);
            nextV.StoreUnsafe(ref v, at);
        }

        if (i < length)
        {
            // The tail goes through the same vector code: a scalar version could round differently.
            Span<float> block = stackalloc float[4 * Lanes];
            block.Clear();
            weights[i..].CopyTo(block);
            gradients[i..].CopyTo(block[Lanes..]);
            firstMoments[i..].CopyTo(block[(2 * Lanes)..]);
            secondMoments[i..].CopyTo(block[(3 * Lanes)..]);
            ref var start = ref MemoryMarshal.GetReference(block);
            var (nextW, nextM, nextV) = step.Apply(
                Vector512.LoadUnsafe(ref start), Vector512.LoadUnsafe(ref start, Lanes),
                Vector512.LoadUnsafe(ref start, 2 * Lanes), Vector512.LoadUnsafe(ref start, 3 * Lanes));
            nextW.StoreUnsafe(ref start);
            nextM.StoreUnsafe(ref start, 2 * Lanes);
            nextV.StoreUnsafe(ref start, 3 * Lanes);
            block[..(length - i)].CopyTo(weights[i..]);
            block.Slice(2 * Lanes, length - i).CopyTo(firstMoments[i..]);
            block.Slice(3 * Lanes, length - i).CopyTo(secondMoments[i..]);
        }
    }

    private readonly ref struct Step
    {
        private readonly Vector512<float> _keep;
        private readonly Vector512<float> _scale;
        private readonly Vector512<float> _oneMinusBeta1;
        private readonly Vector512<float> _beta2;
        private readonly Vector512<float> _oneMinusBeta2;
        private readonly Vector512<float> _rootCorrection2;
        private readonly Vector512<float> _epsilon;
        private readonly Vector512<float> _size;

        internal Step(in AdamWParameters p)
        {
            _keep = Vector512.Create((float)(1.0 - (p.LearningRate * p.WeightDecay)));
            _scale = Vector512.Create(p.GradientScale);
            _oneMinusBeta1 = Vector512.Create((float)(1.0 - p.Beta1));
            _beta2 = Vector512.Create((float)p.Beta2);
            _oneMinusBeta2 = Vector512.Create((float)(1.0 - p.Beta2));
            _rootCorrection2 = Vector512.Create((float)Math.Sqrt(p.BiasCorrection2));
            _epsilon = Vector512.Create((float)p.Epsilon);
            _size = Vector512.Create((float)(p.LearningRate / p.BiasCorrection1));
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        internal (Vector512<float> W, Vector512<float> M, Vector512<float> V) Apply(
            Vector512<float> w, Vector512<float> g, Vector512<float> m, Vector512<float> v)
        {
            g *= _scale;
            w *= _keep;
            m = Vector512.FusedMultiplyAdd(_oneMinusBeta1, g - m, m);
            v = Vector512.FusedMultiplyAdd(_oneMinusBeta2 * g, g, _beta2 * v);
            var denominator = (Vector512.Sqrt(v) / _rootCorrection2) + _epsilon;
            return (w - (_size * (m / denominator)), m, v);
        }
    }
}
