using OrtZero.Mpi;
using OrtZero.Sharding.Tests.Optimizers;
using OrtZero.Sharding.Tests.Support;

namespace OrtZero.Sharding.Tests;

/// <summary>Training that changes which parameters it moves: vision sleeps first, then language, then all are awake.</summary>
public sealed class PhaseTests : IDisposable
{
    private const int Updates = 6;

    private readonly TemporaryFolder _folder = new();

    public static TheoryData<string> Cases() => [.. OptimizerCase.All.Keys];

    public void Dispose() => _folder.Dispose();

    [Theory]
    [MemberData(nameof(Cases))]
    public void Parameters_that_sleep_keep_value_and_state_and_count_no_update(string name)
    {
        var (settings, formula, tolerance) = OptimizerCase.All[name];
        var job = new OptimizerJob(settings);

        TestModel.AssertClose(job.Reference(Updates, formula, Trains), Train(job, 1, 1), tolerance);
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void World_size_stage_and_a_resume_in_the_middle_of_a_phase_change_no_bit(string name)
    {
        var job = new OptimizerJob(OptimizerCase.All[name].Settings);
        var expected = Train(job, 1, 0);

        foreach (var (world, stage, bucket) in new[] { (2, 1, 700L), (4, 2, 300L), (2, 3, 900L), (4, 0, 1L) })
        {
            TestModel.AssertSameBits(expected, Train(job, world, stage, bucket));
        }

        foreach (var (world, stage, nextWorld, nextStage) in new[] { (2, 1, 4, 3), (4, 3, 1, 0) })
        {
            var path = ThreadCommunicator.Run(world, ranks =>
            {
                using var engine = job.Model.Engine(ranks, stage, 700);
                Continue(job, engine, 0, 3);
                return ShardedCheckpoint.Save(_folder.Path, 3, engine, "{}");
            })[0];
            var resumed = ThreadCommunicator.Run(nextWorld, ranks =>
            {
                using var engine = job.Model.Engine(ranks, nextStage, 500);
                ShardedCheckpoint.Load(path, engine);
                Continue(job, engine, 3, Updates);
                return job.Model.Snapshot(engine);
            });
            Assert.All(resumed, parameters => TestModel.AssertSameBits(expected, parameters));
        }
    }

    [Fact]
    public void Deterministic_sums_are_the_same_in_phases()
    {
        var job = new OptimizerJob(OptimizerCase.All["AdamW"].Settings);
        var results = new[] { (1, 0), (4, 2), (2, 3) }.Select(cell => ThreadCommunicator.Run(cell.Item1, ranks =>
        {
            using var engine = job.Model.Engine(ranks, cell.Item2, 700, deterministic: true);
            Continue(job, engine, 0, Updates);
            return job.Model.Snapshot(engine);
        })[0]).ToList();

        Assert.All(results, result => TestModel.AssertSameBits(results[0], result));
    }

    [Fact]
    public void A_frozen_an_unknown_or_no_parameter_is_refused()
    {
        var model = new TestModel(null, ["vision."]);
        using var engine = model.Engine(new SingleProcessCommunicator(), 1);

        Assert.Contains("'vision.norm.bias' is frozen", Assert.Throws<ShardingException>(() => engine.Train(["vision.norm.bias"])).Message, StringComparison.Ordinal);
        Assert.Throws<ShardingException>(() => engine.Train(["nobody"]));
        Assert.Contains("no parameter to train", Assert.Throws<ShardingException>(() => engine.Train([])).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void What_is_trained_does_not_change_within_an_update()
    {
        var model = new TestModel();
        using var engine = model.Engine(new SingleProcessCommunicator(), 1);
        model.Accumulate(engine, 0, 2);

        Assert.Throws<InvalidOperationException>(() => engine.Train(["projector.weight"]));
    }

    private static bool Trains(int update, string parameter) =>
        update >= 4 || !parameter.StartsWith(update < 2 ? "vision." : "language.", StringComparison.Ordinal);

    private static Dictionary<string, float[]> Train(OptimizerJob job, int world, int stage, long bucket = 700) =>
        ThreadCommunicator.Run(world, ranks =>
        {
            using var engine = job.Model.Engine(ranks, stage, bucket);
            Continue(job, engine, 0, Updates);
            return job.Model.Snapshot(engine);
        })[0];

    private static void Continue(OptimizerJob job, ZeroEngine engine, int from, int to)
    {
        for (var update = from; update < to; update++)
        {
            if (update == from || update % 2 == 0)
            {
                engine.Train([.. job.Model.Trainable().Where(name => Trains(update, name))]);
            }

            job.Model.Accumulate(engine, update, OptimizerJob.MicroBatches, trains: name => Trains(update, name));
            Assert.False(engine.Step(job.Model.Settings(OptimizerJob.MicroBatches, 10, OptimizerJob.Factor(update))).Skipped);
        }
    }
}
