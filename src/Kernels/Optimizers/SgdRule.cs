using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace OrtZero.Kernels;

/// <summary>
/// Stochastic gradient descent with momentum (Sutskever et al., "On the importance of initialization and momentum in deep
/// learning") as torch.optim.SGD: g += wd*w; b = mu*b + (1-dampening)*g, at the first update b = g; w -= lr*b, with Nesterov's
/// momentum w -= lr*(g + mu*b), without momentum w -= lr*g. State: b, when there is momentum.
/// </summary>
public readonly struct SgdRule : IElementwiseRule
{
    private readonly Vector512<float> _scale;
    private readonly Vector512<float> _decay;
    private readonly Vector512<float> _minusRate;
    private readonly Vector512<float> _momentum;
    private readonly Vector512<float> _intake;
    private readonly bool _hasMomentum;
    private readonly bool _first;
    private readonly bool _nesterov;

    /// <summary>Prepares the constants of one update.</summary>
    /// <param name="learningRate">Learning rate.</param>
    /// <param name="weightDecay">Coupled weight decay.</param>
    /// <param name="momentum">What remains of the buffer at each update; 0 for no buffer.</param>
    /// <param name="dampening">What of a gradient does not enter the buffer.</param>
    /// <param name="nesterov">Whether to look ahead.</param>
    /// <param name="update">The number of the update, from 1.</param>
    /// <param name="gradientScale">Every gradient is multiplied by this first.</param>
    public SgdRule(double learningRate, double weightDecay, double momentum, double dampening, bool nesterov, long update, float gradientScale)
    {
        _scale = Vector512.Create(gradientScale);
        _decay = Vector512.Create((float)weightDecay);
        _minusRate = Vector512.Create((float)-learningRate);
        _momentum = Vector512.Create((float)momentum);
        _intake = Vector512.Create((float)(1 - dampening));
        _hasMomentum = momentum != 0;
        _first = update == 1;
        _nesterov = nesterov;
    }

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Apply(
        ref Vector512<float> weight, Vector512<float> gradient, ref Vector512<float> first, ref Vector512<float> second, ref Vector512<float> third)
    {
        var g = Vector512.FusedMultiplyAdd(_decay, weight, gradient * _scale);
        if (_hasMomentum)
        {
            first = _first ? g : Vector512.FusedMultiplyAdd(_intake, g, _momentum * first);
            g = _nesterov ? Vector512.FusedMultiplyAdd(_momentum, first, g) : first;
        }

        weight = Vector512.FusedMultiplyAdd(_minusRate, g, weight);
    }
}
