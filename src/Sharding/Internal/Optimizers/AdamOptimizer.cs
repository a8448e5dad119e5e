using OrtZero.Kernels;

namespace OrtZero.Sharding.Internal;

/// <summary>Adam with the decay in the gradient; see <see cref="AdamRule"/>.</summary>
internal sealed class AdamOptimizer : Optimizer
{
    public override IReadOnlyList<string> StateNames => AdamStates.Names;

    public override void Update(in RangeContext range)
    {
        var rule = new AdamRule(
            range.LearningRate, range.WeightDecay, range.Beta1, range.Settings.Beta2, range.Settings.Epsilon, range.Update, range.GradientScale);
        ElementwiseKernel.Run(rule, range.Weights, range.Gradients, range.First, range.Second);
    }
}
