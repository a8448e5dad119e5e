using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace OrtZero.Kernels;

/// <summary>
/// Lion (Chen et al., "Symbolic Discovery of Optimization Algorithms", algorithm 2): w -= lr*wd*w; w -= lr*sign(b1*m + (1-b1)*g);
/// m = b2*m + (1-b2)*g. The sign of 0 is 0. State: m.
/// </summary>
public readonly struct LionRule : IElementwiseRule
{
    private readonly Vector512<float> _scale;
    private readonly Vector512<float> _keep;
    private readonly Vector512<float> _rate;
    private readonly Vector512<float> _beta1;
    private readonly Vector512<float> _oneMinusBeta1;
    private readonly Vector512<float> _beta2;
    private readonly Vector512<float> _oneMinusBeta2;

    /// <summary>Prepares the constants of one update.</summary>
    /// <param name="learningRate">Learning rate: the length of every element's step.</param>
    /// <param name="weightDecay">Decoupled weight decay.</param>
    /// <param name="beta1">The weight of the momentum in the step.</param>
    /// <param name="beta2">Decay of the momentum.</param>
    /// <param name="gradientScale">Every gradient is multiplied by this first.</param>
    public LionRule(double learningRate, double weightDecay, double beta1, double beta2, float gradientScale)
    {
        _scale = Vector512.Create(gradientScale);
        _keep = Vector512.Create((float)(1 - (learningRate * weightDecay)));
        _rate = Vector512.Create((float)learningRate);
        _beta1 = Vector512.Create((float)beta1);
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
        var direction = Vector512.FusedMultiplyAdd(_beta1, first, _oneMinusBeta1 * g);
        var down = Vector512.GreaterThan(direction, Vector512<float>.Zero) & _rate;
        var up = Vector512.LessThan(direction, Vector512<float>.Zero) & _rate;
        weight = (weight * _keep) - down + up;
        first = Vector512.FusedMultiplyAdd(_beta2, first, _oneMinusBeta2 * g);
    }
}
