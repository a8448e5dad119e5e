using OrtZero.Mpi;
using OrtZero.Sharding.Tests.Support;

namespace OrtZero.Sharding.Tests;

public sealed class ZeroEngineTests
{
    private const int MicroBatches = 12;

    public static TheoryData<int, int, bool> Layouts()
    {
        var data = new TheoryData<int, int, bool>();
        foreach (var world in new[] { 1, 2, 3, 4 })
        {
            foreach (var stage in new[] { 0, 1, 2, 3 })
            {
                data.Add(world, stage, true);
                data.Add(world, stage, false);
            }
        }

        return data;
    }

    [Theory]
    [MemberData(nameof(Layouts))]
    public void Sharded_training_follows_the_unsharded_reference(int world, int stage, bool overlap)
    {
        var model = new TestModel(MixedRules());
        var (expected, norms) = model.Reference(5, MicroBatches, maxNorm: 10, update => 1 - (0.1 * update));

        var results = ThreadCommunicator.Run(world, ranks =>
        {
            using var engine = model.Engine(ranks, stage, overlap: overlap);
            var measured = Train(model, engine, 5, maxNorm: 10);
            return (Parameters: model.Snapshot(engine), Norms: measured);
        });

        foreach (var (parameters, measured) in results)
        {
            TestModel.AssertClose(expected, parameters);
            Assert.All(norms.Zip(measured), pair => Assert.Equal(pair.First, pair.Second, pair.First * 1e-9));
            TestModel.AssertSameBits(results[0].Parameters, parameters);
            Assert.Equal(results[0].Norms, measured);
        }
    }

    [Fact]
    public void World_size_stage_and_bucket_size_change_no_bit_when_sums_are_exact()
    {
        var model = new TestModel(MixedRules());
        using var single = model.Engine(new SingleProcessCommunicator(), 0, bucket: 1 << 20);
        var norms = Train(model, single, 4, maxNorm: 10);
        var expected = model.Snapshot(single);

        foreach (var (world, stage, bucket) in new[] { (1, 1, 1L), (2, 0, 300L), (2, 1, 5000L), (3, 1, 1L), (4, 0, 2048L), (4, 1, 999L), (1, 2, 1L), (2, 2, 1L), (3, 2, 999L), (4, 2, 5000L), (1, 3, 300L), (2, 3, 1L), (3, 3, 300L), (4, 3, 5000L) })
        {
            var results = ThreadCommunicator.Run(world, ranks =>
            {
                using var engine = model.Engine(ranks, stage, bucket);
                return (Norms: Train(model, engine, 4, maxNorm: 10), Parameters: model.Snapshot(engine));
            });
            Assert.All(results, result => Assert.Equal(norms, result.Norms));
            Assert.All(results, result => TestModel.AssertSameBits(expected, result.Parameters));
        }
    }

    [Fact]
    public void A_last_micro_batch_that_was_not_announced_is_applied_all_the_same()
    {
        var model = new TestModel();
        var expected = model.Reference(1, MicroBatches).Parameters;

        var results = ThreadCommunicator.Run(2, ranks =>
        {
            using var engine = model.Engine(ranks, 1);
            model.Accumulate(engine, 0, MicroBatches, announceLast: false);
            engine.Step(model.Settings(MicroBatches));
            return model.Snapshot(engine);
        });

        Assert.All(results, parameters => TestModel.AssertClose(expected, parameters));
    }

    [Fact]
    public void An_incomplete_accumulation_uses_its_own_divisor()
    {
        var model = new TestModel();
        using var engine = model.Engine(new SingleProcessCommunicator(), 1);
        model.Accumulate(engine, 0, 3);
        engine.Step(model.Settings(3));

        TestModel.AssertClose(model.Reference(1, 3).Parameters, model.Snapshot(engine));
    }

    [Theory]
    [InlineData(float.NaN)]
    [InlineData(float.PositiveInfinity)]
    public void A_gradient_that_is_not_finite_skips_the_update_on_every_rank(float poison)
    {
        var model = new TestModel();
        var results = ThreadCommunicator.Run(3, ranks =>
        {
            using var engine = model.Engine(ranks, 1);
            engine.BeginMicroBatch(first: true, last: true);
            foreach (var name in model.Trainable())
            {
                var gradient = model.Gradient(name, 0, ranks.Rank);
                if (ranks.Rank == 1 && name == "projector.bias")
                {
                    gradient[50] = poison;
                }

                engine.Accumulate(name, gradient);
            }

            var before = model.Snapshot(engine);
            var skipped = engine.Step(model.Settings(3, maxNorm: 1));
            TestModel.AssertSameBits(before, model.Snapshot(engine));
            var updates = engine.Updates;
            Train(model, engine, 2, maxNorm: 10);
            return (skipped, updates, Parameters: model.Snapshot(engine));
        });

        var expected = model.Reference(2, MicroBatches, maxNorm: 10, update => 1 - (0.1 * update)).Parameters;
        foreach (var (skipped, updates, parameters) in results)
        {
            Assert.True(skipped.Skipped);
            Assert.False(double.IsFinite(skipped.GradientNorm));
            Assert.Equal(0, updates);
            TestModel.AssertClose(expected, parameters);
        }
    }

    [Fact]
    public void Clipping_scales_by_pytorchs_factor_and_leaves_small_gradients_alone()
    {
        var model = new TestModel();
        using var engine = model.Engine(new SingleProcessCommunicator(), 1);

        model.Accumulate(engine, 0, MicroBatches);
        var clipped = engine.Step(model.Settings(MicroBatches, maxNorm: 0.5));
        model.Accumulate(engine, 1, MicroBatches);
        var free = engine.Step(model.Settings(MicroBatches, maxNorm: 1e6));

        Assert.Equal(0.5 / (clipped.GradientNorm + 1e-6), clipped.ClipFactor, 1e-15);
        Assert.Equal(1, free.ClipFactor);
        Assert.Equal(2, engine.Updates);
    }

    [Fact]
    public void Frozen_parameters_of_the_plan_need_no_gradient_and_keep_their_bits()
    {
        var model = new TestModel(frozen: ["projector."]);
        var results = ThreadCommunicator.Run(2, ranks =>
        {
            using var engine = model.Engine(ranks, 1);
            Train(model, engine, 3, maxNorm: 10);
            return model.Snapshot(engine);
        });

        var expected = model.Reference(3, MicroBatches, maxNorm: 10, update => 1 - (0.1 * update)).Parameters;
        Assert.All(results, parameters =>
        {
            Assert.Equal(model.Initial("projector.weight"), parameters["projector.weight"]);
            TestModel.AssertClose(expected, parameters);
        });
    }

    [Fact]
    public void A_group_without_parameters_on_a_rank_changes_nothing()
    {
        // Everything but the bias fills rank 0's pieces; the bias's group lives on rank 1 alone.
        var model = new TestModel(
            new ParamwiseRules { CustomKeys = new Dictionary<string, CustomKeyRule> { ["tail"] = new() { LrMult = 0.1, DecayMult = 3 } } },
            null,
            ("tail", [256], ParameterKind.Other), ("body", [256], ParameterKind.Other));
        var expected = model.Reference(4, MicroBatches, 10, update => 1 - (0.1 * update)).Parameters;

        var results = ThreadCommunicator.Run(2, ranks =>
        {
            using var engine = model.Engine(ranks, 1);
            Train(model, engine, 4, maxNorm: 10);
            return (Groups: engine.OwnedRanges.Select(owned => owned.Settings.Name).ToList(), Parameters: model.Snapshot(engine));
        });

        Assert.Equal(["body"], results[0].Groups);
        Assert.Equal(["tail"], results[1].Groups);
        Assert.All(results, result => TestModel.AssertClose(expected, result.Parameters));
    }

    [Fact]
    public void Owned_ranges_carry_the_settings_of_their_parameter()
    {
        var model = new TestModel(MixedRules());
        ThreadCommunicator.Run(3, ranks =>
        {
            using var engine = model.Engine(ranks, 1, bucket: 300);
            Assert.All(engine.OwnedRanges, owned =>
                Assert.Same(model.Groups.Parameters[owned.Range.Parameter], owned.Settings));
            return 0;
        });
    }

    [Fact]
    public void Gathered_gradients_are_the_mean_over_ranks_and_micro_batches_and_Step_may_follow()
    {
        var model = new TestModel();
        var expected = model.Reference(1, MicroBatches, maxNorm: 0.1);
        foreach (var stage in new[] { 0, 1, 2, 3 })
        {
            var results = ThreadCommunicator.Run(3, ranks =>
            {
                using var engine = model.Engine(ranks, stage);
                model.Accumulate(engine, 0, MicroBatches);
                var gradients = engine.GatherGradients(MicroBatches);
                engine.Step(model.Settings(MicroBatches, maxNorm: 0.1));
                return (gradients, Parameters: model.Snapshot(engine));
            });
            foreach (var (gradients, parameters) in results)
            {
                Assert.All(gradients, pair => Assert.All(
                    pair.Value.Zip(model.Mean(pair.Key, 0, MicroBatches)), value => Assert.Equal(value.Second, value.First, 1e-6)));
                TestModel.AssertClose(expected.Parameters, parameters);
            }
        }
    }

    [Fact]
    public void Memory_is_what_the_zero_paper_says_in_float32()
    {
        var model = new TestModel(null, null, ("weight", [256, 1024], ParameterKind.Linear));
        const long Psi = 256 * 1024;
        ThreadCommunicator.Run(4, ranks =>
        {
            using var stage0 = model.Engine(ranks, 0, bucket: 1 << 16);
            using var stage1 = model.Engine(ranks, 1, bucket: 1 << 16);
            using var stage2 = model.Engine(ranks, 2, bucket: 1 << 16);
            Assert.Equal((4 * Psi) + (12 * Psi / 4), stage2.Memory.Total);
            Assert.Equal(ModelStateMemory.Estimate(stage2.Plan, 2), stage2.Memory);
            using var stage3 = model.Engine(ranks, 3, bucket: 1 << 16);
            // Nothing persists here, but one block is always allocated for what does.
            Assert.Equal((16 * Psi / 4) + (PartitionPlan.BlockElements * sizeof(float)), stage3.Memory.Total);
            Assert.Equal(ModelStateMemory.Estimate(stage3.Plan, 3), stage3.Memory);
            Assert.Equal(16 * Psi, stage0.Memory.Total);
            Assert.Equal((8 * Psi) + (8 * Psi / 4), stage1.Memory.Total);
            Assert.Equal(ModelStateMemory.Estimate(stage1.Plan, 1), stage1.Memory);
            Assert.Equal(ModelStateMemory.Estimate(stage0.Plan, 0), stage0.Memory);
            return 0;
        });
    }

    [Fact]
    public void An_update_allocates_nothing()
    {
        var model = new TestModel();
        Assert.Equal(0, Allocations.OfAnUpdate(model, 1, model.Settings(2, maxNorm: 1), microBatches: 2));
    }

    internal static List<double> Train(TestModel model, ZeroEngine engine, int updates, double? maxNorm, int from = 0)
    {
        var norms = new List<double>();
        for (var update = from; update < from + updates; update++)
        {
            model.Accumulate(engine, update, MicroBatches);
            norms.Add(engine.Step(model.Settings(MicroBatches, maxNorm, 1 - (0.1 * update))).GradientNorm);
        }

        return norms;
    }

    private static ParamwiseRules MixedRules() => new()
    {
        NormDecayMult = 0,
        BiasDecayMult = 0,
        BiasLrMult = 2,
        CustomKeys = new Dictionary<string, CustomKeyRule>
        {
            ["vision."] = new() { LrMult = 0.1 },
            ["language.embed"] = new() { LrMult = 0.5, DecayMult = 0, Beta1 = 0.8, Beta2 = 0.99, Epsilon = 1e-6 },
        },
    };
}
