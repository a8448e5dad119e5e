using OrtZero.Kernels;

namespace OrtZero.Sharding.Internal;

/// <summary>RMSprop; see <see cref="RmsPropRule"/>.</summary>
internal sealed class RmsPropOptimizer(OptimizerSettings options) : Optimizer
{
    private static readonly string[] s_states = ["square_avg", "grad_avg", "momentum_buffer"];

    public override IReadOnlyList<string> StateNames => s_states;

    public override bool HasState(int state, ParameterSettings settings) => state switch
    {
        1 => options.Centered,
        2 => settings.Momentum != 0,
        _ => true,
    };

    public override void Update(in RangeContext range)
    {
        var momentum = range.Third.IsEmpty ? 0 : range.Momentum;
        var rule = new RmsPropRule(
            range.LearningRate, range.WeightDecay, options.Alpha, range.Settings.Epsilon, momentum, options.Centered, range.GradientScale);
        ElementwiseKernel.Run(rule, range.Weights, range.Gradients, range.First, range.Second, range.Third);
    }
}
