using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace OrtZero.Kernels;

/// <summary>
/// Adagrad (Duchi, Hazan and Singer, "Adaptive Subgradient Methods for Online Learning and Stochastic Optimization") as
/// torch.optim.Adagrad: g += wd*w; s += g*g; w -= lr / (1 + (t-1)*lr_decay) * g / (sqrt(s) + eps). State: s.
/// </summary>
public readonly struct AdagradRule : IElementwiseRule
{
    private readonly Vector512<float> _scale;
    private readonly Vector512<float> _decay;
    private readonly Vector512<float> _minusRate;
    private readonly Vector512<float> _epsilon;

    /// <summary>Prepares the constants of one update.</summary>
    /// <param name="learningRate">Learning rate.</param>
    /// <param name="weightDecay">Coupled weight decay.</param>
    /// <param name="rateDecay">How fast the rate falls with the number of updates.</param>
    /// <param name="epsilon">Added to the root of the sum.</param>
    /// <param name="update">The number of the update, from 1.</param>
    /// <param name="gradientScale">Every gradient is multiplied by this first.</param>
    public AdagradRule(double learningRate, double weightDecay, double rateDecay, double epsilon, long update, float gradientScale)
    {
        _scale = Vector512.Create(gradientScale);
        _decay = Vector512.Create((float)weightDecay);
        _minusRate = Vector512.Create((float)(-learningRate / (1 + ((update - 1) * rateDecay))));
        _epsilon = Vector512.Create((float)epsilon);
    }

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Apply(
        ref Vector512<float> weight, Vector512<float> gradient, ref Vector512<float> first, ref Vector512<float> second, ref Vector512<float> third)
    {
        var g = Vector512.FusedMultiplyAdd(_decay, weight, gradient * _scale);
        first = Vector512.FusedMultiplyAdd(g, g, first);
        weight = Vector512.FusedMultiplyAdd(_minusRate, g / (Vector512.Sqrt(first) + _epsilon), weight);
    }
}
