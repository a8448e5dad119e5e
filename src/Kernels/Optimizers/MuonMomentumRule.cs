using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace OrtZero.Kernels;

/// <summary>
/// The momentum of Muon (Jordan et al., "Muon: An optimizer for hidden layers in neural networks") as torch.optim.Muon:
/// b += (1-mu)*(g-b); u = b, with Nesterov's momentum u = g + mu*(b-g). State: b; u goes into the second. Weights are left alone.
/// </summary>
public readonly struct MuonMomentumRule : IElementwiseRule
{
    private readonly Vector512<float> _scale;
    private readonly Vector512<float> _momentum;
    private readonly Vector512<float> _oneMinusMomentum;
    private readonly bool _nesterov;

    /// <summary>Prepares the constants of one update.</summary>
    /// <param name="momentum">What remains of the buffer at each update.</param>
    /// <param name="nesterov">Whether to look ahead.</param>
    /// <param name="gradientScale">Every gradient is multiplied by this first.</param>
    public MuonMomentumRule(double momentum, bool nesterov, float gradientScale)
    {
        _scale = Vector512.Create(gradientScale);
        _momentum = Vector512.Create((float)momentum);
        _oneMinusMomentum = Vector512.Create((float)(1 - momentum));
        _nesterov = nesterov;
    }

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Apply(
        ref Vector512<float> weight, Vector512<float> gradient, ref Vector512<float> first, ref Vector512<float> second, ref Vector512<float> third)
    {
        var g = gradient * _scale;
        first = Vector512.FusedMultiplyAdd(_oneMinusMomentum, g - first, first);
        second = _nesterov ? Vector512.FusedMultiplyAdd(_momentum, first - g, g) : first;
    }
}
