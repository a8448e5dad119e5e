using OrtZero.Mpi;
using OrtZero.Sharding.Tests.Support;

namespace OrtZero.Sharding.Tests;

public sealed class GroupWatchTests
{
    private const int MicroBatches = 12;

    public static TheoryData<string> Optimizers() => new(["AdamW", "SGD", "Muon", "LAMB", "Adafactor"]);

    [Theory]
    [MemberData(nameof(Optimizers))]
    public void What_is_measured_is_what_the_update_did(string optimizer)
    {
        var model = Model(optimizer);
        using var engine = model.Engine(new SingleProcessCommunicator(), 1);
        Assert.Empty(engine.Measurements);
        Step(model, engine, 0, measures: false);
        Assert.Empty(engine.Measurements);
        var before = model.Snapshot(engine);
        Step(model, engine, 1, measures: true);
        var after = model.Snapshot(engine);

        Assert.Equal(model.Groups.Groups.Count, engine.Measurements.Count);
        foreach (var (group, measured) in model.Groups.Groups.Zip(engine.Measurements))
        {
            var gradients = group.Parameters.SelectMany(name => Gradient(model, name, 1)).ToArray();
            var weights = group.Parameters.SelectMany(name => before[name]).ToArray();
            var moved = group.Parameters.SelectMany(name => after[name]).Zip(weights, (now, then) => (double)now - then);
            Assert.Equal(weights.Length, measured.Elements);
            Assert.Equal(gradients.Count(value => value == 0), measured.Zeros);
            AssertClose(Norm(gradients), measured.GradientNorm);
            AssertClose(Norm(weights.Select(value => (double)value)), measured.ParameterNorm);
            AssertClose(Norm(moved), measured.UpdateNorm);
            Assert.Equal(measured.UpdateNorm / measured.ParameterNorm, measured.UpdateRatio);
            Assert.Equal((double)measured.Zeros / measured.Elements, measured.ZeroShare);
        }

        var dead = engine.Measurements[GroupOf(model, "projector.bias")];
        Assert.Equal((1.0, 0.0), (dead.ZeroShare, dead.GradientNorm));
    }

    [Theory]
    [InlineData(1, 3)]
    [InlineData(2, 0)]
    [InlineData(2, 1)]
    [InlineData(4, 2)]
    [InlineData(4, 3)]
    public void Ranks_and_stages_change_no_bit(int world, int stage)
    {
        var model = Model("AdamW");
        var expected = Measure(model, new SingleProcessCommunicator(), 0);

        Assert.All(ThreadCommunicator.Run(world, ranks => Measure(model, ranks, stage)), measured => Assert.Equal(expected, measured));
    }

    [Fact]
    public void Measuring_changes_no_bit_of_training()
    {
        var model = Model("AdamW");
        using var plain = model.Engine(new SingleProcessCommunicator(), 1);
        using var watched = model.Engine(new SingleProcessCommunicator(), 1);
        watched.KeepStart();
        for (var update = 0; update < 3; update++)
        {
            Step(model, plain, update, measures: false);
            Step(model, watched, update, measures: true);
        }

        TestModel.AssertSameBits(model.Snapshot(plain), model.Snapshot(watched));
    }

    [Fact]
    public void A_measured_update_allocates_nothing_either()
    {
        var model = new TestModel();
        Assert.Equal(0, Allocations.OfAnUpdate(model, 1, model.Settings(1) with { Measure = true }));
    }

    [Fact]
    public void A_gradient_that_is_not_finite_is_named_and_measured()
    {
        var model = Model("AdamW");
        using var engine = model.Engine(new SingleProcessCommunicator(), 1);
        engine.BeginMicroBatch(first: true, last: true);
        foreach (var name in model.Trainable())
        {
            var gradient = model.Gradient(name, 0, 0);
            gradient.AsSpan(0, Math.Min(1, gradient.Length)).Fill(name is "language.head.weight" ? float.NaN : 0);
            engine.Accumulate(name, gradient);
        }

        Assert.True(engine.Step(model.Settings(1) with { Measure = true }).Skipped);
        Assert.Equal(["language.head.weight"], engine.NonFiniteGradients());
        Assert.Equal(double.NaN, engine.Measurements[GroupOf(model, "language.head.weight")].GradientNorm);
        Assert.True(engine.Measurements[GroupOf(model, "vision.norm.bias")].GradientNorm > 0);
        Assert.Equal(double.NaN, engine.Measurements[GroupOf(model, "vision.norm.bias")].UpdateRatio);
    }

    [Fact]
    public void What_sleeps_is_not_measured_and_its_distance_from_the_start_stays()
    {
        var model = Model("AdamW");
        using var engine = model.Engine(new SingleProcessCommunicator(), 1);
        Assert.Throws<InvalidOperationException>(() => engine.DistancesFromStart());
        engine.KeepStart();
        var start = model.Snapshot(engine);
        Step(model, engine, 0, measures: true);
        engine.Train(["projector.weight"]);
        Assert.Empty(engine.Measurements);
        engine.BeginMicroBatch(first: true, last: true);
        engine.Accumulate("projector.weight", model.Gradient("projector.weight", 1, 0));
        engine.Step(model.Settings(1) with { Measure = true });

        var now = model.Snapshot(engine);
        foreach (var (index, group) in model.Groups.Groups.Index())
        {
            var trained = group.Parameters.Contains("projector.weight");
            Assert.Equal(trained ? 37 * 53 : 0, engine.Measurements[index].Elements);
            var (distance, length) = engine.DistancesFromStart()[index];
            AssertClose(Norm(group.Parameters.SelectMany(name => start[name]).Select(value => (double)value)), length);
            AssertClose(Norm(group.Parameters.SelectMany(name => now[name].Zip(start[name], (w, w0) => (double)w - w0))), distance);
            Assert.True(distance > 0);
        }
    }

    private static TestModel Model(string optimizer) => new(
        OptimizerSettings.For(optimizer) with { LearningRate = 1e-2, WeightDecay = 0.1 },
        new ParamwiseRules
        {
            CustomKeys = new Dictionary<string, CustomKeyRule> { ["vision."] = new() { LrMult = 0.1 }, ["projector.bias"] = new() { LrMult = 0.5 } },
        });

    private static int GroupOf(TestModel model, string parameter) => model.Groups.GroupOf(parameter);

    // The bias of the projector gets none; some elements elsewhere are 0 by chance.
    private static double[] Gradient(TestModel model, string name, int update) =>
        name == "projector.bias"
            ? new double[53]
            : Sum([.. Enumerable.Range(0, MicroBatches).Select(index => model.Gradient(name, update, index))]);

    private static double[] Sum(float[][] gradients) =>
        [.. Enumerable.Range(0, gradients[0].Length).Select(i => gradients.Sum(gradient => (double)gradient[i]) / MicroBatches)];

    private static string Measure(TestModel model, ICommunicator ranks, int stage)
    {
        using var engine = model.Engine(ranks, stage);
        Step(model, engine, 0, measures: false);
        Step(model, engine, 1, measures: true);
        return string.Join('\n', engine.Measurements);
    }

    private static void Step(TestModel model, ZeroEngine engine, int update, bool measures)
    {
        var (ranks, own) = (engine.Communicator, MicroBatches / engine.Communicator.Size);
        for (var index = 0; index < own; index++)
        {
            engine.BeginMicroBatch(first: index == 0, last: index == own - 1);
            foreach (var name in model.Trainable())
            {
                var gradient = model.Gradient(name, update, (index * ranks.Size) + ranks.Rank);
                engine.Accumulate(name, name == "projector.bias" ? new float[gradient.Length] : gradient);
            }
        }

        engine.Step(model.Settings(MicroBatches, maxNorm: 5) with { Measure = measures });
    }

    private static double Norm(IEnumerable<double> values) => Math.Sqrt(values.Sum(value => value * value));

    private static void AssertClose(double expected, double actual) => Assert.Equal(expected, actual, Math.Abs(expected) * 1e-12);
}
