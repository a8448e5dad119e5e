using OrtZero.Kernels;

namespace OrtZero.Sharding.Internal;

/// <summary>
/// LAMB (You et al. 2020, algorithm 2, with bias correction and the identity for phi): w -= lr * |w|/|u| * u with u of
/// <see cref="LambDirectionRule"/>. The norms are those of whole tensors, whichever ranks hold them; a tensor whose weights or
/// direction are all zero has the ratio 1.
/// </summary>
internal sealed class LambOptimizer(PartitionPlan plan) : Optimizer
{
    private readonly double[] _ratios = new double[plan.Parameters.Count];

    public override IReadOnlyList<string> StateNames => AdamStates.Names;

    public override void Prepare(OptimizerPass pass)
    {
        Span<float> direction = stackalloc float[PartitionPlan.BlockElements];
        for (var index = 0; index < pass.Count; index++)
        {
            var range = pass[index];
            var rule = new LambDirectionRule(
                range.WeightDecay, range.Beta1, range.Settings.Beta2, range.Settings.Epsilon, range.Update, range.GradientScale);
            var weightSums = pass.FirstSums.Own(index);
            var directionSums = pass.SecondSums.Own(index);
            for (var block = 0; block < weightSums.Length; block++)
            {
                var start = block * PartitionPlan.BlockElements;
                var length = Math.Min(PartitionPlan.BlockElements, range.Weights.Length - start);
                var weights = range.Weights.Slice(start, length);
                ElementwiseKernel.Run(
                    rule, weights, range.Gradients.Slice(start, length), range.First.Slice(start, length), range.Second.Slice(start, length), direction[..length]);
                weightSums[block] = VectorMath.SumOfSquares(weights);
                directionSums[block] = VectorMath.SumOfSquares(direction[..length]);
            }
        }

        pass.FirstSums.Gather();
        pass.SecondSums.Gather();
        for (var parameter = 0; parameter < _ratios.Length; parameter++)
        {
            if (pass.IsTrained(parameter))
            {
                var weight = pass.FirstSums.Of(parameter);
                var update = pass.SecondSums.Of(parameter);
                _ratios[parameter] = weight > 0 && update > 0 ? Math.Sqrt(weight) / Math.Sqrt(update) : 1;
            }
        }
    }

    public override void Update(in RangeContext range)
    {
        var rule = new LambStepRule(
            range.LearningRate * _ratios[range.Parameter], range.WeightDecay, range.Beta1, range.Settings.Beta2, range.Settings.Epsilon, range.Update);
        ElementwiseKernel.Run(rule, range.Weights, range.Gradients, range.First, range.Second);
    }
}
