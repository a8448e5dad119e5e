using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using OrtZero.Kernels.Internal;

namespace OrtZero.Kernels;

/// <summary>
/// The second half of LAMB: w -= step*u, where step is the rate times the tensor's trust ratio and u is computed again from the
/// moments, which costs less than keeping it. States, left as they are: m, v.
/// </summary>
public readonly struct LambStepRule : IElementwiseRule
{
    private readonly LambDirection _direction;
    private readonly Vector512<float> _minusStep;

    /// <summary>Prepares the constants of one update.</summary>
    /// <param name="step">Learning rate times trust ratio.</param>
    /// <param name="weightDecay">Weight decay, part of the direction.</param>
    /// <param name="beta1">Decay of the first moment.</param>
    /// <param name="beta2">Decay of the second moment.</param>
    /// <param name="epsilon">Added to the root of the second moment.</param>
    /// <param name="update">The number of the update, from 1.</param>
    public LambStepRule(double step, double weightDecay, double beta1, double beta2, double epsilon, long update)
    {
        _direction = new LambDirection(weightDecay, beta1, beta2, epsilon, update);
        _minusStep = Vector512.Create((float)-step);
    }

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Apply(
        ref Vector512<float> weight, Vector512<float> gradient, ref Vector512<float> first, ref Vector512<float> second, ref Vector512<float> third) =>
        weight = Vector512.FusedMultiplyAdd(_minusStep, _direction.Of(weight, first, second), weight);
}
