using OrtZero.Kernels;

namespace OrtZero.Sharding.Internal;

/// <summary>Adagrad; see <see cref="AdagradRule"/>.</summary>
internal sealed class AdagradOptimizer(OptimizerSettings options) : Optimizer
{
    private static readonly string[] s_states = ["sum"];

    public override IReadOnlyList<string> StateNames => s_states;

    public override float InitialState(int state) => (float)options.InitialAccumulatorValue;

    public override void Update(in RangeContext range)
    {
        var rule = new AdagradRule(
            range.LearningRate, range.WeightDecay, options.LearningRateDecay, range.Settings.Epsilon, range.Update, range.GradientScale);
        ElementwiseKernel.Run(rule, range.Weights, range.Gradients, range.First);
    }
}
