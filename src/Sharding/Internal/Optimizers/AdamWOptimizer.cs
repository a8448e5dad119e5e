using OrtZero.Kernels;

namespace OrtZero.Sharding.Internal;

/// <summary>Adam with decoupled weight decay; see <see cref="AdamWKernel"/>.</summary>
internal sealed class AdamWOptimizer : Optimizer
{
    public override IReadOnlyList<string> StateNames => AdamStates.Names;

    public override void Update(in RangeContext range) => Step(range);

    /// <summary>AdamW of one range, for optimizers that leave some parameters to it.</summary>
    public static void Step(in RangeContext range) => AdamWKernel.Update(
        range.Weights,
        range.Gradients,
        range.First,
        range.Second,
        new AdamWParameters
        {
            LearningRate = range.LearningRate,
            WeightDecay = range.WeightDecay,
            Beta1 = range.Beta1,
            Beta2 = range.Settings.Beta2,
            Epsilon = range.Settings.Epsilon,
            BiasCorrection1 = 1 - Math.Pow(range.Beta1, range.Update),
            BiasCorrection2 = 1 - Math.Pow(range.Settings.Beta2, range.Update),
            GradientScale = range.GradientScale,
        });
}
