using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using OrtZero.Kernels.Internal;

namespace OrtZero.Kernels;

/// <summary>
/// The first half of LAMB (You et al., "Large Batch Optimization for Deep Learning: Training BERT in 76 minutes", algorithm 2):
/// m = b1*m + (1-b1)*g; v = b2*v + (1-b2)*g*g; u = (m/c1) / (sqrt(v/c2) + eps) + wd*w with c = 1 - b^t. States: m, v; u goes into
/// the third. The weights stay as they are until the norms of whole tensors are known.
/// </summary>
public readonly struct LambDirectionRule : IElementwiseRule
{
    private readonly LambDirection _direction;
    private readonly Vector512<float> _scale;
    private readonly Vector512<float> _oneMinusBeta1;
    private readonly Vector512<float> _beta2;
    private readonly Vector512<float> _oneMinusBeta2;

    /// <summary>Prepares the constants of one update.</summary>
    /// <param name="weightDecay">Weight decay, part of the direction.</param>
    /// <param name="beta1">Decay of the first moment.</param>
    /// <param name="beta2">Decay of the second moment.</param>
    /// <param name="epsilon">Added to the root of the second moment.</param>
    /// <param name="update">The number of the update, from 1.</param>
    /// <param name="gradientScale">Every gradient is multiplied by this first.</param>
    public LambDirectionRule(double weightDecay, double beta1, double beta2, double epsilon, long update, float gradientScale)
    {
        _direction = new LambDirection(weightDecay, beta1, beta2, epsilon, update);
        _scale = Vector512.Create(gradientScale);
        _oneMinusBeta1 = Vector512.Create((float)(1 - beta1));
        _beta2 = Vector512.Create((float)beta2);
        _oneMinusBeta2 = Vector512.Create((float)(1 - beta2));
    }

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Apply(
        ref Vector512<float> weight, Vector512<float> gradient, ref Vector512<float> first, ref Vector512<float> second, ref Vector512<float> third)
    {
        var g = gradient * _scale;
        first = Vector512.FusedMultiplyAdd(_oneMinusBeta1, g - first, first);
        second = Vector512.FusedMultiplyAdd(_oneMinusBeta2 * g, g, _beta2 * second);
        third = _direction.Of(weight, first, second);
    }
}
