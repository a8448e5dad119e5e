using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace OrtZero.Kernels;

/// <summary>w = keep*w - step*u, where the direction u stands in place of the gradient: decoupled decay and a step.</summary>
public readonly struct DecayedStepRule : IElementwiseRule
{
    private readonly Vector512<float> _keep;
    private readonly Vector512<float> _minusStep;

    /// <summary>Prepares the constants of one update.</summary>
    /// <param name="keep">What the decay leaves of a weight, 1 - lr*wd.</param>
    /// <param name="step">What the direction is multiplied with.</param>
    public DecayedStepRule(double keep, double step)
    {
        _keep = Vector512.Create((float)keep);
        _minusStep = Vector512.Create((float)-step);
    }

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Apply(
        ref Vector512<float> weight, Vector512<float> gradient, ref Vector512<float> first, ref Vector512<float> second, ref Vector512<float> third) =>
        weight = Vector512.FusedMultiplyAdd(_minusStep, gradient, weight * _keep);
}
