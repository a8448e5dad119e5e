using OrtZero.Sharding.Tests.Support;

namespace OrtZero.Sharding.Tests;

/// <summary>The moving average of the parameters, sharded like the optimizer's state.</summary>
public sealed class WeightAverageTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void It_is_the_same_at_every_world_size_and_stage_and_across_a_resume()
    {
        var model = new TestModel();
        var (average, parameters) = Train(model, 1, 0, resumedOn: null);

        foreach (var (world, stage, resumedOn) in new (int, int, int?)[] { (2, 0, null), (4, 1, null), (2, 2, 4), (4, 3, 2), (1, 1, 2) })
        {
            var (otherAverage, otherParameters) = Train(model, world, stage, resumedOn);
            TestModel.AssertSameBits(average, otherAverage);
            TestModel.AssertSameBits(parameters, otherParameters);
        }
    }

    [Fact]
    public void It_follows_the_formula_in_float64()
    {
        var model = new TestModel();
        using var engine = model.Engine(new Mpi.SingleProcessCommunicator(), 1);
        engine.BeginAverage();
        var expected = model.Snapshot(engine).ToDictionary(pair => pair.Key, pair => Array.ConvertAll(pair.Value, value => (double)value));
        for (var update = 1; update <= 5; update++)
        {
            Step(model, engine, update - 1);
            var decay = Math.Min(0.4, (1.0 + update) / (10.0 + update));
            foreach (var (name, values) in model.Snapshot(engine))
            {
                expected[name] = [.. expected[name].Zip(values, (kept, value) => (decay * kept) + ((1 - decay) * value))];
            }
        }

        engine.SwapAverage();
        TestModel.AssertClose(expected, model.Snapshot(engine), 1e-6);
    }

    [Fact]
    public void A_checkpoint_without_an_average_begins_one()
    {
        var model = new TestModel();
        using var first = model.Engine(new Mpi.SingleProcessCommunicator(), 1);
        Step(model, first, 0);
        var path = ShardedCheckpoint.Save(_folder.Path, 1, first, "{}");

        using var second = model.Engine(new Mpi.SingleProcessCommunicator(), 1);
        second.BeginAverage();
        ShardedCheckpoint.Load(path, second);
        second.SwapAverage();

        TestModel.AssertSameBits(model.Snapshot(first), model.Snapshot(second));
        Assert.Equal(0, second.AverageUpdates);
    }

    [Fact]
    public void An_engine_without_an_average_refuses_to_move_or_use_one()
    {
        var model = new TestModel();
        using var engine = model.Engine(new Mpi.SingleProcessCommunicator(), 1);
        const string Sentence = "This engine keeps no average of its parameters: call BeginAverage when they are loaded.";

        Assert.Equal(Sentence, Assert.Throws<InvalidOperationException>(() => engine.UpdateAverage(0.9, 10)).Message);
        Assert.Equal(Sentence, Assert.Throws<InvalidOperationException>(engine.SwapAverage).Message);
        Assert.Equal(0, engine.AverageUpdates);
    }

    private (Dictionary<string, float[]> Average, Dictionary<string, float[]> Parameters) Train(TestModel model, int world, int stage, int? resumedOn)
    {
        string? path = null;
        if (resumedOn is not null)
        {
            path = ThreadCommunicator.Run(world, ranks =>
            {
                using var engine = model.Engine(ranks, stage);
                engine.BeginAverage();
                Steps(model, engine, 0, 3);
                return ShardedCheckpoint.Save(_folder.Path, 3, engine, "{}");
            })[0];
        }

        return ThreadCommunicator.Run(resumedOn ?? world, ranks =>
        {
            using var engine = model.Engine(ranks, stage);
            engine.BeginAverage();
            if (path is not null)
            {
                ShardedCheckpoint.Load(path, engine);
            }

            Steps(model, engine, path is null ? 0 : 3, 5);
            engine.SwapAverage();
            var average = model.Snapshot(engine);
            engine.SwapAverage();
            return (average, model.Snapshot(engine));
        })[0];
    }

    private static void Steps(TestModel model, ZeroEngine engine, int from, int to)
    {
        for (var update = from; update < to; update++)
        {
            Step(model, engine, update);
        }
    }

    private static void Step(TestModel model, ZeroEngine engine, int update)
    {
        model.Accumulate(engine, update, 4);
        Assert.False(engine.Step(model.Settings(4)).Skipped);
        if (engine.HasAverage)
        {
            engine.UpdateAverage(0.4, 10);
        }
    }
}
