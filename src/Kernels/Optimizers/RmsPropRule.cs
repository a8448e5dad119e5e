using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace OrtZero.Kernels;

/// <summary>
/// RMSprop (Tieleman and Hinton, lecture 6.5 of "Neural Networks for Machine Learning"; centered: Graves, "Generating Sequences
/// With Recurrent Neural Networks") as torch.optim.RMSprop: g += wd*w; s = alpha*s + (1-alpha)*g*g; centered:
/// a += (1-alpha)*(g-a), s' = s - a*a, else s' = s; d = g / (sqrt(s') + eps); with momentum b = mu*b + d, w -= lr*b, else
/// w -= lr*d. States: s, a (when centered), b (when there is momentum).
/// </summary>
/// <remarks>A difference s - a*a below 0, which only rounding can make, counts as 0 where PyTorch gets NaN.</remarks>
public readonly struct RmsPropRule : IElementwiseRule
{
    private readonly Vector512<float> _scale;
    private readonly Vector512<float> _decay;
    private readonly Vector512<float> _minusRate;
    private readonly Vector512<float> _alpha;
    private readonly Vector512<float> _oneMinusAlpha;
    private readonly Vector512<float> _epsilon;
    private readonly Vector512<float> _momentum;
    private readonly bool _centered;
    private readonly bool _hasMomentum;

    /// <summary>Prepares the constants of one update.</summary>
    /// <param name="learningRate">Learning rate.</param>
    /// <param name="weightDecay">Coupled weight decay.</param>
    /// <param name="alpha">Decay of the averages.</param>
    /// <param name="epsilon">Added to the root of the average square.</param>
    /// <param name="momentum">What remains of the buffer at each update; 0 for no buffer.</param>
    /// <param name="centered">Whether the square of the average gradient is taken off.</param>
    /// <param name="gradientScale">Every gradient is multiplied by this first.</param>
    public RmsPropRule(double learningRate, double weightDecay, double alpha, double epsilon, double momentum, bool centered, float gradientScale)
    {
        _scale = Vector512.Create(gradientScale);
        _decay = Vector512.Create((float)weightDecay);
        _minusRate = Vector512.Create((float)-learningRate);
        _alpha = Vector512.Create((float)alpha);
        _oneMinusAlpha = Vector512.Create((float)(1 - alpha));
        _epsilon = Vector512.Create((float)epsilon);
        _momentum = Vector512.Create((float)momentum);
        _centered = centered;
        _hasMomentum = momentum != 0;
    }

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Apply(
        ref Vector512<float> weight, Vector512<float> gradient, ref Vector512<float> first, ref Vector512<float> second, ref Vector512<float> third)
    {
        var g = Vector512.FusedMultiplyAdd(_decay, weight, gradient * _scale);
        first = Vector512.FusedMultiplyAdd(_oneMinusAlpha * g, g, _alpha * first);
        var square = first;
        if (_centered)
        {
            second = Vector512.FusedMultiplyAdd(_oneMinusAlpha, g - second, second);
            square = Vector512.Max(Vector512.FusedMultiplyAdd(-second, second, first), Vector512<float>.Zero);
        }

        var step = g / (Vector512.Sqrt(square) + _epsilon);
        if (_hasMomentum)
        {
            third = Vector512.FusedMultiplyAdd(_momentum, third, step);
            step = third;
        }

        weight = Vector512.FusedMultiplyAdd(_minusRate, step, weight);
    }
}
