using OrtZero.Mpi;
using OrtZero.Sharding.Internal;
using OrtZero.Sharding.Tests.Optimizers;
using OrtZero.Sharding.Tests.Support;

namespace OrtZero.Sharding.Tests;

/// <summary>Optimizer state and parameters in files instead of in memory.</summary>
public sealed class OffloadTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public static TheoryData<string> Cases() => OptimizerTests.Cases();

    private string Files => Path.Combine(_folder.Path, "files");

    public void Dispose() => _folder.Dispose();

    [Theory]
    [MemberData(nameof(Cases))]
    public void Files_and_buffers_change_no_bit(string name)
    {
        var expected = new OptimizerJob(OptimizerCase.All[name].Settings).Train(1, 0, 4);

        foreach (var (world, stage, buffers, elements) in new[] { (1, 0, 1, 256L), (2, 1, 2, 600L), (4, 2, 4, 1L), (1, 3, 3, 1000L), (2, 3, 1, 256L), (4, 3, 4, 1L << 40) })
        {
            foreach (var (states, parameters) in new[] { (true, false), (true, true), (false, true) })
            {
                TestModel.AssertSameBits(expected, Offloaded(name, states, parameters, buffers, elements).Train(world, stage, 4));
            }
        }

        Assert.Empty(Directory.GetFiles(Files));
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void A_checkpoint_goes_from_memory_to_files_and_back(string name)
    {
        var inMemory = new OptimizerJob(OptimizerCase.All[name].Settings);
        var inFiles = Offloaded(name, true, true, buffers: 2, elements: 512);
        var expected = inMemory.Train(1, 1, 5);

        foreach (var (first, second, world, stage) in new[] { (inMemory, inFiles, 2, 3), (inFiles, inMemory, 4, 3), (inFiles, inFiles, 1, 2), (inFiles, inFiles, 2, 3) })
        {
            var path = ThreadCommunicator.Run(world, ranks =>
            {
                using var engine = first.Model.Engine(ranks, stage, 700);
                first.Continue(engine, 0, 3);
                return ShardedCheckpoint.Save(_folder.Path, 3, engine, "{}");
            })[0];
            var resumed = ThreadCommunicator.Run(2, ranks =>
            {
                using var engine = second.Model.Engine(ranks, 3, 500);
                ShardedCheckpoint.Load(path, engine);
                second.Continue(engine, 3, 2);
                return second.Model.Snapshot(engine);
            });
            Assert.All(resumed, parameters => TestModel.AssertSameBits(expected, parameters));
        }
    }

    [Fact]
    public void A_copied_checkpoint_is_the_same()
    {
        var job = Offloaded("AdamW", true, true, buffers: 2, elements: 512);
        var expected = job.Train(2, 3, 5);
        ThreadCommunicator.Run(2, ranks =>
        {
            using var engine = job.Model.Engine(ranks, 3, 700);
            job.Continue(engine, 0, 3);
            using var writer = new CheckpointWriter(engine, _folder.Path);
            writer.Begin(3, "{}");
            job.Continue(engine, 3, 1);
            writer.Complete();
            ShardedCheckpoint.LoadLatest(_folder.Path, engine);
            job.Continue(engine, 3, 2);
            TestModel.AssertSameBits(expected, job.Model.Snapshot(engine));
            return 0;
        });
    }

    [Fact]
    public void A_moving_average_follows_parameters_in_files()
    {
        var expected = Average(new OptimizerJob(OptimizerCase.All["AdamW"].Settings));

        TestModel.AssertSameBits(expected, Average(Offloaded("AdamW", true, true, buffers: 2, elements: 300)));

        static Dictionary<string, float[]> Average(OptimizerJob job) => ThreadCommunicator.Run(2, ranks =>
        {
            using var engine = job.Model.Engine(ranks, 3, 700);
            engine.BeginAverage();
            for (var update = 0; update < 3; update++)
            {
                job.Continue(engine, update, 1);
                engine.UpdateAverage(0.5, 10);
            }

            engine.SwapAverage();
            engine.SwapAverage();
            job.Continue(engine, 3, 1);
            engine.SwapAverage();
            return job.Model.Snapshot(engine);
        })[0];
    }

    [Theory]
    [InlineData("AdamW")]
    [InlineData("Muon")]
    public void Groups_are_watched_alike(string name)
    {
        var expected = Watch(new OptimizerJob(OptimizerCase.All[name].Settings));
        var actual = Watch(Offloaded(name, true, true, buffers: 2, elements: 512));

        Assert.Equal(expected.Measurements, actual.Measurements);
        Assert.Equal(expected.Distances, actual.Distances);

        static (GroupMeasurement[] Measurements, (double, double)[] Distances) Watch(OptimizerJob job) => ThreadCommunicator.Run(2, ranks =>
        {
            using var engine = job.Model.Engine(ranks, 3, 700);
            engine.KeepStart();
            job.Continue(engine, 0, 1);
            job.Model.Accumulate(engine, 1, OptimizerJob.MicroBatches);
            engine.Step(job.Model.Settings(OptimizerJob.MicroBatches) with { Measure = true });
            return (engine.Measurements.ToArray(), engine.DistancesFromStart().ToArray());
        })[0];
    }

    [Fact]
    public void What_a_phase_does_not_train_stays_as_it_is()
    {
        var expected = Phases(new OptimizerJob(OptimizerCase.All["AdamW"].Settings));

        TestModel.AssertSameBits(expected, Phases(Offloaded("AdamW", true, true, buffers: 2, elements: 256)));

        static Dictionary<string, float[]> Phases(OptimizerJob job) => ThreadCommunicator.Run(2, ranks =>
        {
            using var engine = job.Model.Engine(ranks, 3, 700);
            job.Continue(engine, 0, 2);
            engine.Train(["projector.weight", "language.head.weight"]);
            job.Model.Accumulate(engine, 2, OptimizerJob.MicroBatches, trains: name => name is "projector.weight" or "language.head.weight");
            engine.Step(job.Model.Settings(OptimizerJob.MicroBatches));
            engine.Train(null);
            job.Continue(engine, 3, 2);
            return job.Model.Snapshot(engine);
        })[0];
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void Memory_is_that_of_the_buffers_and_known_beforehand(string name)
    {
        var job = Offloaded(name, true, true, buffers: 2, elements: 512);
        foreach (var stage in new[] { 0, 1, 2, 3 })
        {
            ThreadCommunicator.Run(2, ranks =>
            {
                using var engine = job.Model.Engine(ranks, stage);
                var options = job.Model.Options(new ZeroOptions { Stage = stage });
                var expected = ModelStateMemory.Estimate(engine.Plan, stage, job.Model.Groups, ranks.Rank, options);
                Assert.Equal((expected.OptimizerState, expected.Parameters), (engine.Memory.OptimizerState, engine.Memory.Parameters));
                return 0;
            });
        }

        if (name == "AdamW")
        {
            using var engine = job.Model.Engine(new SingleProcessCommunicator(), 3);
            Assert.Equal(2 * 512 * 3 * sizeof(float), engine.Memory.OptimizerState);
        }
    }

    [Fact]
    public void An_update_allocates_nothing()
    {
        var model = Offloaded("AdamW", true, true, buffers: 2, elements: 512).Model;
        Assert.Equal(0, Allocations.OfAnUpdate(model, 3, model.Settings(1, maxNorm: 1)));
    }

    [Fact]
    public void A_file_that_does_not_fit_is_one_sentence_with_the_fix()
    {
        var message = Assert.Throws<ShardingException>(() => new SpillFile(Files, "The optimizer state of rank 1", "zero_optimization.offload_optimizer", 1L << 58)).Message;

        Assert.StartsWith($"The optimizer state of rank 1 ({1L << 60} bytes) cannot be kept in '{Files}': ", message, StringComparison.Ordinal);
        Assert.EndsWith("; free space there, name a folder on another disk in zero_optimization.offload_optimizer.nvme_path, or keep it in memory with zero_optimization.offload_optimizer.device \"none\".", message, StringComparison.Ordinal);
        Assert.Empty(Directory.GetFiles(Files));
    }

    [Fact]
    public void A_folder_that_cannot_be_is_named()
    {
        File.WriteAllText(Files, "");

        using var ranks = new SingleProcessCommunicator();
        var message = Assert.Throws<ShardingException>(() => Offloaded("AdamW", true, false, 2, 512).Model.Engine(ranks, 1)).Message;

        Assert.Contains($"cannot be kept in '{Files}'", message, StringComparison.Ordinal);
    }

    private OptimizerJob Offloaded(string name, bool states, bool parameters, int buffers, long elements)
    {
        var job = new OptimizerJob(OptimizerCase.All[name].Settings);
        job.Model.Options = options => options with
        {
            OptimizerStateFolder = states ? Files : null,
            ParameterFolder = parameters && options.Stage == 3 ? Files : null,
            OffloadBuffers = buffers,
            OffloadBufferElements = elements,
        };
        Directory.CreateDirectory(_folder.Path);
        return job;
    }
}
