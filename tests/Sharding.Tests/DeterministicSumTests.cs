using OrtZero.Mpi;
using OrtZero.Sharding.Internal;
using OrtZero.Sharding.Tests.Support;

namespace OrtZero.Sharding.Tests;

public sealed class DeterministicSumTests
{
    /// <summary>Micro-batches of an update: powers of two, and numbers with a tail.</summary>
    public static TheoryData<int> Counts() => [4, 8, 12, 20, 28];

    [Theory]
    [MemberData(nameof(Counts))]
    public void World_size_stage_bucket_size_and_overlap_change_no_bit(int microBatches)
    {
        var model = new TestModel { InexactSums = true };
        using var single = model.Engine(new SingleProcessCommunicator(), 0, bucket: 1 << 20, deterministic: true);
        var expected = Train(model, single, microBatches);

        foreach (var (world, stage, bucket, overlap) in new[]
        {
            (1, 2, 1L, true), (2, 0, 300L, true), (2, 1, 5000L, false), (2, 2, 1L, true), (4, 0, 999L, false), (4, 1, 1L, true), (4, 2, 2048L, true),
            (4, 2, 300L, false), (2, 3, 1L, true), (4, 3, 2048L, false),
        })
        {
            var results = ThreadCommunicator.Run(world, ranks =>
            {
                using var engine = model.Engine(ranks, stage, bucket, overlap, deterministic: true);
                return Train(model, engine, microBatches);
            });
            Assert.All(results, result =>
            {
                Assert.Equal(expected.Norms, result.Norms);
                TestModel.AssertSameBits(expected.Parameters, result.Parameters);
            });
        }
    }

    [Theory]
    [MemberData(nameof(Counts))]
    public void Gradients_are_added_in_the_binary_tree_over_the_micro_batch_index(int microBatches)
    {
        var model = new TestModel { InexactSums = true };
        using var engine = model.Engine(new SingleProcessCommunicator(), 2, deterministic: true);
        model.Accumulate(engine, 0, microBatches);

        var gathered = engine.GatherGradients(1);

        foreach (var name in model.Trainable())
        {
            var leaves = Enumerable.Range(0, microBatches).Select(micro => model.Gradient(name, 0, micro)).ToList();
            Assert.Equal(Tree(leaves), gathered[name]);
        }
    }

    [Fact]
    public void Without_the_tree_the_order_of_sums_shows()
    {
        // What makes the tests above mean something: these gradients do depend on the order.
        var model = new TestModel { InexactSums = true };
        using var tree = model.Engine(new SingleProcessCommunicator(), 1, deterministic: true);
        using var running = model.Engine(new SingleProcessCommunicator(), 1);
        model.Accumulate(tree, 0, 12);
        model.Accumulate(running, 0, 12);

        Assert.NotEqual(tree.GatherGradients(1)["projector.weight"], running.GatherGradients(1)["projector.weight"]);
    }

    [Fact]
    public void A_number_of_ranks_that_is_no_power_of_two_is_refused_with_the_fix()
    {
        var model = new TestModel();

        var failure = Assert.Throws<AggregateException>(() => ThreadCommunicator.Run(3, ranks =>
        {
            using var engine = model.Engine(ranks, 1, deterministic: true);
            return 0;
        }));

        var message = Assert.IsType<ShardingException>(failure.InnerException).Message;
        Assert.Contains("power of two", message, StringComparison.Ordinal);
        Assert.Contains("start 2", message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_micro_batch_without_all_gradients_is_named()
    {
        var model = new TestModel();
        using var engine = model.Engine(new SingleProcessCommunicator(), 2);
        engine.BeginMicroBatch(first: true, last: false);
        engine.Accumulate("projector.bias", model.Gradient("projector.bias", 0, 0));

        var failure = Assert.Throws<ShardingException>(() => engine.BeginMicroBatch(first: false, last: true));

        Assert.Contains("vision.embed.weight", failure.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Buckets_on_their_way_take_the_memory_of_a_few_however_many_there_are()
    {
        var model = new TestModel(null, null, ("weight", [256, 1024], ParameterKind.Linear));
        ThreadCommunicator.Run(2, ranks =>
        {
            using var engine = model.Engine(ranks, 2, bucket: 1 << 12);
            model.Accumulate(engine, 0, 4);
            engine.Step(model.Settings(4));
            Assert.Equal(64, engine.Plan.Buckets.Count);
            // Another buffer is allocated only while the other rank is behind, and never more than once.
            Assert.InRange(engine.TransitBytes, 1, 64 * (1L << 12) * sizeof(float) / 2);
            return 0;
        });
    }

    [Theory]
    [InlineData(1, 1)]
    [InlineData(2, 1)]
    [InlineData(4, 2)]
    [InlineData(7, 3)]
    [InlineData(8, 3)]
    public void Partial_sums_take_one_shard_for_every_doubling(int leaves, int shards)
    {
        using var sum = new ShardSum(256, tree: true);
        for (var leaf = 0; leaf < leaves; leaf++)
        {
            sum.Begin(leaf);
            sum.Add(0, new float[256]);
        }

        sum.End(leaves);

        Assert.Equal(shards * 256L * sizeof(float), sum.ByteLength);
    }

    private static (List<double> Norms, Dictionary<string, float[]> Parameters) Train(TestModel model, ZeroEngine engine, int microBatches)
    {
        var norms = new List<double>();
        for (var update = 0; update < 3; update++)
        {
            model.Accumulate(engine, update, microBatches);
            norms.Add(engine.Step(model.Settings(microBatches, maxNorm: 10)).GradientNorm);
        }

        return (norms, model.Snapshot(engine));
    }

    // The definition: halves of the next power of two, the right one as far as it is there.
    private static float[] Tree(List<float[]> leaves)
    {
        if (leaves.Count == 1)
        {
            return leaves[0];
        }

        var half = 1;
        while (half * 2 < leaves.Count)
        {
            half *= 2;
        }

        var (left, right) = (Tree(leaves[..half]), Tree(leaves[half..]));
        return [.. left.Zip(right, (a, b) => a + b)];
    }
}
