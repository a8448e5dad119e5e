using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace OrtZero.Kernels;

/// <summary>
/// Adam (Kingma and Ba, "Adam: A Method for Stochastic Optimization", algorithm 1) with the decay added to the gradient, as
/// torch.optim.Adam: g += wd*w; m += (1-b1)*(g-m); v = b2*v + (1-b2)*g*g; w -= lr/c1 * m / (sqrt(v)/sqrt(c2) + eps) with
/// c = 1 - b^t. States: m, v.
/// </summary>
public readonly struct AdamRule : IElementwiseRule
{
    private readonly Vector512<float> _scale;
    private readonly Vector512<float> _decay;
    private readonly Vector512<float> _oneMinusBeta1;
    private readonly Vector512<float> _beta2;
    private readonly Vector512<float> _oneMinusBeta2;
    private readonly Vector512<float> _rootCorrection2;
    private readonly Vector512<float> _epsilon;
    private readonly Vector512<float> _size;

    /// <summary>Prepares the constants of one update.</summary>
    /// <param name="learningRate">Learning rate.</param>
    /// <param name="weightDecay">Coupled weight decay.</param>
    /// <param name="beta1">Decay of the first moment.</param>
    /// <param name="beta2">Decay of the second moment.</param>
    /// <param name="epsilon">Added to the root of the second moment.</param>
    /// <param name="update">The number of the update, from 1.</param>
    /// <param name="gradientScale">Every gradient is multiplied by this first.</param>
    public AdamRule(double learningRate, double weightDecay, double beta1, double beta2, double epsilon, long update, float gradientScale)
    {
        _scale = Vector512.Create(gradientScale);
        _decay = Vector512.Create((float)weightDecay);
        _oneMinusBeta1 = Vector512.Create((float)(1 - beta1));
        _beta2 = Vector512.Create((float)beta2);
        _oneMinusBeta2 = Vector512.Create((float)(1 - beta2));
        _rootCorrection2 = Vector512.Create((float)Math.Sqrt(1 - Math.Pow(beta2, update)));
        _epsilon = Vector512.Create((float)epsilon);
        _size = Vector512.Create((float)(learningRate / (1 - Math.Pow(beta1, update))));
    }

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Apply(
        ref Vector512<float> weight, Vector512<float> gradient, ref Vector512<float> first, ref Vector512<float> second, ref Vector512<float> third)
    {
        var g = Vector512.FusedMultiplyAdd(_decay, weight, gradient * _scale);
        first = Vector512.FusedMultiplyAdd(_oneMinusBeta1, g - first, first);
        second = Vector512.FusedMultiplyAdd(_oneMinusBeta2 * g, g, _beta2 * second);
        weight -= _size * (first / ((Vector512.Sqrt(second) / _rootCorrection2) + _epsilon));
    }
}
