using OrtZero.Sharding.Tests.Support;

namespace OrtZero.Sharding.Tests.Optimizers;

/// <summary>
/// The made-up model under an optimizer, with two keys that have rates, decays and moments of their own, and the same training in
/// float64 by a formula that sees one whole tensor at a time and knows nothing of shards.
/// </summary>
internal sealed class OptimizerJob
{
    public const int MicroBatches = 4;
    private const double MaxNorm = 10;

    public OptimizerJob(OptimizerSettings optimizer)
    {
        Model = new TestModel(
            optimizer,
            new ParamwiseRules
            {
                NormDecayMult = 0,
                CustomKeys = new Dictionary<string, CustomKeyRule>
                {
                    ["vision."] = new() { LrMult = 0.1 },
                    ["language.embed"] = new() { LrMult = 0.5, DecayMult = 0.5, Beta1 = 0.8, Beta2 = 0.95, Epsilon = 1e-4, Momentum = optimizer.Momentum * 0.5 },
                },
            });
    }

    public TestModel Model { get; }

    /// <summary>The update of one whole tensor in float64.</summary>
    /// <param name="w">The weights, updated in place.</param>
    /// <param name="g">The mean gradient after clipping.</param>
    /// <param name="state">Whatever the formula keeps of the tensor; null at the first update.</param>
    /// <param name="settings">The tensor's settings, with the rate of this update.</param>
    /// <param name="t">The number of the update, from 1.</param>
    public delegate double[][] Formula(double[] w, double[] g, double[][]? state, ParameterSettings settings, int t);

    /// <summary>Trains in float64.</summary>
    /// <param name="updates">How many updates.</param>
    /// <param name="formula">The optimizer.</param>
    /// <param name="trains">Whether an update (from 0) moves a parameter; null: every one does. The t of the formula counts those only.</param>
    public Dictionary<string, double[]> Reference(int updates, Formula formula, Func<int, string, bool>? trains = null)
    {
        var counts = new Dictionary<string, int>();
        var weights = Model.Parameters.ToDictionary(parameter => parameter.Name, parameter => Array.ConvertAll(Model.Initial(parameter.Name), value => (double)value));
        var states = new Dictionary<string, double[][]?>();
        for (var update = 0; update < updates; update++)
        {
            var gradients = Model.Trainable().Where(name => trains?.Invoke(update, name) != false).ToDictionary(name => name, name => Model.Mean(name, update, MicroBatches));
            var norm = Math.Sqrt(gradients.Values.Sum(gradient => gradient.Sum(value => value * value)));
            var clip = Math.Min(1, MaxNorm / (norm + 1e-6));
            foreach (var settings in Model.Groups.Parameters.Where(parameter => gradients.ContainsKey(parameter.Name)))
            {
                counts[settings.Name] = counts.GetValueOrDefault(settings.Name) + 1;
                var gradient = Array.ConvertAll(gradients[settings.Name], value => value * clip);
                states[settings.Name] = formula(
                    weights[settings.Name], gradient, states.GetValueOrDefault(settings.Name), settings with { LearningRate = settings.LearningRate * Factor(update) }, counts[settings.Name]);
            }
        }

        return weights;
    }

    /// <summary>Trains on a number of ranks; every rank must end with the same bits.</summary>
    public Dictionary<string, float[]> Train(int world, int stage, int updates, long bucket = 700)
    {
        var results = ThreadCommunicator.Run(world, ranks =>
        {
            using var engine = Model.Engine(ranks, stage, bucket);
            Continue(engine, 0, updates);
            return Model.Snapshot(engine);
        });
        Assert.All(results, result => TestModel.AssertSameBits(results[0], result));
        return results[0];
    }

    public void Continue(ZeroEngine engine, int from, int updates)
    {
        for (var update = from; update < from + updates; update++)
        {
            Model.Accumulate(engine, update, MicroBatches);
            var result = engine.Step(Model.Settings(MicroBatches, MaxNorm, Factor(update)));
            Assert.False(result.Skipped);
        }
    }

    public static double Factor(int update) => 1 - (0.1 * update);
}
