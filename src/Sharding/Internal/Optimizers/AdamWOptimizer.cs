using OrtZero.Kernels;

namespace OrtZero.Sharding.Internal;

/// <summary>Adam with decoupled weight decay; see <see cref="AdamWKernel"/>.</summary>
internal sealed class AdamWOptimizer(OptimizerSettings options) : Optimizer
{
    public override IReadOnlyList<string> StateNames => AdamStates.Names;

    public override void Update(in RangeContext range)
    {
        var step = ParametersOf(range);
        if (!options.CorrectBias)
        {
            step = step with { BiasCorrection1 = 1, BiasCorrection2 = 1 };
        }

        if (options.DecayAfterUpdate)
        {
            // The kernel computes w·k - lr/c₁·m/(√v/√c₂ + ε) with k = 1 - lr·decay; with ε/√c₂ for ε and c₁/k for c₁ that is
            // k·(w - lr·√c₂/c₁·m/(√v + ε)), the update first and the decay after it.
            step = step with
            {
                Epsilon = step.Epsilon / Math.Sqrt(step.BiasCorrection2),
                BiasCorrection1 = step.BiasCorrection1 / (1 - (step.LearningRate * step.WeightDecay)),
            };
        }

        AdamWKernel.Update(range.Weights, range.Gradients, range.First, range.Second, step);
    }

    /// <summary>AdamW of one range, for optimizers that leave some parameters to it.</summary>
    public static void Step(in RangeContext range) =>
        AdamWKernel.Update(range.Weights, range.Gradients, range.First, range.Second, ParametersOf(range));

    private static AdamWParameters ParametersOf(in RangeContext range) => new()
    {
        LearningRate = range.LearningRate,
        WeightDecay = range.WeightDecay,
        Beta1 = range.Beta1,
        Beta2 = range.Settings.Beta2,
        Epsilon = range.Settings.Epsilon,
        BiasCorrection1 = 1 - Math.Pow(range.Beta1, range.Update),
        BiasCorrection2 = 1 - Math.Pow(range.Settings.Beta2, range.Update),
        GradientScale = range.GradientScale,
    };
}
