using OrtZero.Kernels;

namespace OrtZero.Sharding.Internal;

/// <summary>Lion; see <see cref="LionRule"/>.</summary>
internal sealed class LionOptimizer : Optimizer
{
    private static readonly string[] s_states = ["exp_avg"];

    public override IReadOnlyList<string> StateNames => s_states;

    public override void Update(in RangeContext range)
    {
        var rule = new LionRule(range.LearningRate, range.WeightDecay, range.Beta1, range.Settings.Beta2, range.GradientScale);
        ElementwiseKernel.Run(rule, range.Weights, range.Gradients, range.First);
    }
}
