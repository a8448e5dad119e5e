using OrtZero.Mpi;
using OrtZero.Sharding.Internal;
using OrtZero.Sharding.Tests.Support;

namespace OrtZero.Sharding.Tests.Optimizers;

public sealed class OptimizerTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public static TheoryData<string> Cases() => [.. OptimizerCase.All.Keys];

    public void Dispose() => _folder.Dispose();

    [Theory]
    [MemberData(nameof(Cases))]
    public void Training_follows_the_paper_in_float64(string name)
    {
        var (settings, formula, tolerance) = OptimizerCase.All[name];
        var job = new OptimizerJob(settings);

        TestModel.AssertClose(job.Reference(6, formula), job.Train(1, 1, 6), tolerance);
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void World_size_stage_and_bucket_size_change_no_bit(string name)
    {
        var job = new OptimizerJob(OptimizerCase.All[name].Settings);
        var expected = job.Train(1, 0, 4, bucket: 1 << 20);

        foreach (var (world, stage, bucket) in new[] { (1, 1, 300L), (2, 0, 1000L), (2, 1, 700L), (4, 1, 1L), (4, 2, 4096L), (2, 3, 900L), (4, 3, 1L) })
        {
            TestModel.AssertSameBits(expected, job.Train(world, stage, 4, bucket));
        }
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void A_checkpoint_goes_on_at_another_world_size_and_stage(string name)
    {
        var job = new OptimizerJob(OptimizerCase.All[name].Settings);
        var expected = job.Train(1, 1, 5);

        foreach (var (world, stage, nextWorld, nextStage) in new[] { (2, 1, 4, 2), (4, 3, 1, 0), (1, 0, 4, 3), (2, 0, 2, 1), (1, 1, 2, 0) })
        {
            var path = ThreadCommunicator.Run(world, ranks =>
            {
                using var engine = job.Model.Engine(ranks, stage, 700);
                job.Continue(engine, 0, 3);
                return ShardedCheckpoint.Save(_folder.Path, 3, engine, "{}");
            })[0];
            var resumed = ThreadCommunicator.Run(nextWorld, ranks =>
            {
                using var engine = job.Model.Engine(ranks, nextStage, 500);
                ShardedCheckpoint.Load(path, engine);
                job.Continue(engine, 3, 2);
                return job.Model.Snapshot(engine);
            });
            Assert.All(resumed, parameters => TestModel.AssertSameBits(expected, parameters));
        }
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void An_update_allocates_nothing(string name)
    {
        var model = new OptimizerJob(OptimizerCase.All[name].Settings).Model;
        Assert.Equal(0, Allocations.OfAnUpdate(model, 1, model.Settings(1, maxNorm: 1)));
    }

    [Fact]
    public void A_checkpoint_of_another_optimizer_is_refused_by_name()
    {
        var path = Save(OptimizerCase.All["SGD with momentum"].Settings);
        using var engine = new OptimizerJob(OptimizerCase.All["Lion"].Settings).Model.Engine(new SingleProcessCommunicator(), 1);

        var message = Assert.Throws<CheckpointException>(() => ShardedCheckpoint.Load(path, engine)).Message;

        Assert.Contains("written by the optimizer SGD, but optim_wrapper.optimizer.type is \"Lion\"", message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_checkpoint_without_a_state_that_the_options_ask_for_is_refused()
    {
        var path = Save(OptimizerCase.All["SGD"].Settings);
        using var engine = new OptimizerJob(OptimizerCase.All["SGD with momentum"].Settings).Model.Engine(new SingleProcessCommunicator(), 1);

        var message = Assert.Throws<CheckpointException>(() => ShardedCheckpoint.Load(path, engine)).Message;

        Assert.Contains("holds no 'momentum_buffer' of the optimizer SGD", message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_checkpoint_from_before_there_was_a_choice_is_one_of_AdamW()
    {
        var job = new OptimizerJob(OptimizerCase.All["AdamW"].Settings);
        var path = Save(OptimizerCase.All["AdamW"].Settings);
        ManifestFile.Write(path, ManifestFile.Read(path) with { Optimizer = null }, DurableStorage.Disk);

        using var engine = job.Model.Engine(new SingleProcessCommunicator(), 1);
        ShardedCheckpoint.Load(path, engine);
        job.Continue(engine, 2, 2);

        TestModel.AssertSameBits(job.Train(1, 1, 4), job.Model.Snapshot(engine));
    }

    [Fact]
    public void Memory_is_reserved_only_for_states_that_parameters_have()
    {
        long StateBytes(string name)
        {
            using var engine = new OptimizerJob(OptimizerCase.All[name].Settings).Model.Engine(new SingleProcessCommunicator(), 1);
            return engine.Memory.OptimizerState;
        }

        Assert.Equal(0, StateBytes("SGD"));
        Assert.Equal(StateBytes("AdamW"), 2 * StateBytes("Lion"));
        Assert.Equal(StateBytes("AdamW"), 2 * StateBytes("RMSprop"));
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void Memory_is_known_beforehand(string name)
    {
        var job = new OptimizerJob(OptimizerCase.All[name].Settings);
        foreach (var stage in new[] { 0, 1, 2, 3 })
        {
            ThreadCommunicator.Run(4, ranks =>
            {
                using var engine = job.Model.Engine(ranks, stage);
                Assert.Equal(engine.Memory.OptimizerState, ModelStateMemory.Estimate(engine.Plan, stage, job.Model.Groups, ranks.Rank).OptimizerState);
                return 0;
            });
        }
    }

    [Fact]
    public void Adafactor_keeps_a_row_and_a_column_of_every_matrix()
    {
        var model = new TestModel(OptimizerCase.All["Adafactor"].Settings, null, null, ("weight", [256, 1024], ParameterKind.Linear), ("bias", [256], ParameterKind.Bias));
        using var engine = model.Engine(new SingleProcessCommunicator(), 1);

        Assert.Equal((256 + 1024 + 256) * sizeof(float), engine.Memory.OptimizerState);
    }

    [Fact]
    public void A_weight_may_be_kept_from_Muon()
    {
        var rules = new ParamwiseRules { CustomKeys = new Dictionary<string, CustomKeyRule> { ["head"] = new() { UseMuon = false } } };
        var settings = OptimizerCase.All["Muon"].Settings;
        var parameters = new[] { ("body", new long[] { 48, 32 }, ParameterKind.Linear), ("head", new long[] { 48, 32 }, ParameterKind.Linear) };
        var kept = Trained(new TestModel(settings, rules, null, parameters));
        var adam = Trained(new TestModel(settings with { Type = "AdamW" }, rules, null, parameters));
        var muon = Trained(new TestModel(settings, null, null, parameters));

        Assert.Equal(adam["head"], kept["head"]);
        Assert.Equal(muon["body"], kept["body"]);
        Assert.NotEqual(muon["head"], kept["head"]);

        static Dictionary<string, float[]> Trained(TestModel model)
        {
            using var engine = model.Engine(new SingleProcessCommunicator(), 1);
            model.Accumulate(engine, 0, 1);
            engine.Step(model.Settings(1));
            return model.Snapshot(engine);
        }
    }

    [Fact]
    public void A_matrix_too_large_for_Muon_is_named()
    {
        var model = new TestModel(OptimizerCase.All["Muon"].Settings, null, null, ("head", [100_000, 50_000], ParameterKind.Linear));

        var message = Assert.Throws<ShardingException>(() => ModelStateMemory.Estimate(model.Plan(1, 1 << 26), 1, model.Groups, 0)).Message;

        Assert.Equal("Muon cannot orthogonalize 'head' of [100000, 50000], which is too large: leave it to AdamW with \"use_muon\": false under a custom key.", message);
    }

    [Fact]
    public void An_unknown_optimizer_is_answered_with_the_list()
    {
        var model = new TestModel(new OptimizerSettings { Type = "Adamm" }, null);

        var message = Assert.Throws<ShardingException>(() => model.Engine(new SingleProcessCommunicator(), 1)).Message;

        Assert.Equal("There is no optimizer \"Adamm\": the optimizers are AdamW, Adam, SGD, RMSprop, Adagrad, Lion, LAMB, Adafactor, Muon.", message);
    }

    [Fact]
    public void A_schedule_of_the_momentum_moves_beta1_or_momentum()
    {
        foreach (var (name, change) in new (string, Func<ParameterSettings, ParameterSettings>)[]
            { ("AdamW", settings => settings with { Beta1 = 0.6 }), ("SGD with momentum", settings => settings with { Momentum = 0.6 }) })
        {
            var (settings, formula, tolerance) = OptimizerCase.All[name];
            var job = new OptimizerJob(settings);
            using var engine = job.Model.Engine(new SingleProcessCommunicator(), 1);
            for (var update = 0; update < 3; update++)
            {
                job.Model.Accumulate(engine, update, OptimizerJob.MicroBatches);
                var update0 = job.Model.Settings(OptimizerJob.MicroBatches, 10, 1 - (0.1 * update));
                engine.Step(update0 with { Momenta = [.. job.Model.Groups.Groups.Select(_ => 0.6)] });
            }

            var expected = job.Reference(3, (w, g, state, parameter, t) => formula(w, g, state, change(parameter), t));
            TestModel.AssertClose(expected, job.Model.Snapshot(engine), tolerance);
        }
    }

    private string Save(OptimizerSettings settings)
    {
        var job = new OptimizerJob(settings);
        using var engine = job.Model.Engine(new SingleProcessCommunicator(), 1);
        job.Continue(engine, 0, 2);
        return ShardedCheckpoint.Save(_folder.Path, 2, engine, "{}");
    }
}
