using OrtZero.Kernels;

namespace OrtZero.Sharding.Internal;

/// <summary>Stochastic gradient descent; see <see cref="SgdRule"/>. Parameters without momentum have no state.</summary>
internal sealed class SgdOptimizer(OptimizerSettings options) : Optimizer
{
    private static readonly string[] s_states = ["momentum_buffer"];

    public override IReadOnlyList<string> StateNames => s_states;

    public override bool HasState(int state, ParameterSettings settings) => settings.Momentum != 0;

    public override void Update(in RangeContext range)
    {
        var momentum = range.First.IsEmpty ? 0 : range.Momentum;
        var rule = new SgdRule(
            range.LearningRate, range.WeightDecay, momentum, options.Dampening, options.Nesterov, range.Update, range.GradientScale);
        ElementwiseKernel.Run(rule, range.Weights, range.Gradients, range.First);
    }
}
