using OrtZero.Training.Internal;

namespace OrtZero.Training.Tests;

public sealed class BatchSamplerTests
{
    [Fact]
    public void Without_shuffling_iterations_are_cut_into_the_blocks_of_the_ranks()
    {
        Assert.Equal([0, 1, 2], Batch(new BatchSampler(24, 2, 0, 3, false, 0), 0, 0));
        Assert.Equal([3, 4, 5], Batch(new BatchSampler(24, 2, 1, 3, false, 0), 0, 0));
        Assert.Equal([18, 19, 20], Batch(new BatchSampler(24, 2, 0, 3, false, 0), 7, 3));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void What_an_update_sees_does_not_depend_on_the_number_of_ranks(bool shuffle)
    {
        var alone = Epoch(count: 48, worldSize: 1, microBatchSize: 4, shuffle, epoch: 2);
        var four = Epoch(count: 48, worldSize: 4, microBatchSize: 4, shuffle, epoch: 2);

        Assert.Equal(alone.SelectMany(batch => batch), four.SelectMany(batch => batch));
    }

    [Fact]
    public void A_shuffled_epoch_holds_every_sample_once_and_differs_from_the_next()
    {
        var first = Epoch(1000, 2, 5, true, epoch: 0).SelectMany(batch => batch).ToArray();
        var second = Epoch(1000, 2, 5, true, epoch: 1).SelectMany(batch => batch).ToArray();

        Assert.Equal(Enumerable.Range(0, 1000), first.Order());
        Assert.Equal(Enumerable.Range(0, 1000), second.Order());
        Assert.NotEqual(first, second);
        Assert.NotEqual(Enumerable.Range(0, 1000), first);
    }

    [Fact]
    public void An_order_depends_on_the_seed_and_epoch_alone_and_not_on_what_was_asked_before()
    {
        var sampler = new BatchSampler(100, 1, 0, 100, true, 5);
        var third = Batch(sampler, 3, 0);
        Batch(sampler, 0, 0);

        Assert.Equal(third, Batch(sampler, 3, 0));
        Assert.Equal(third, Batch(new BatchSampler(100, 1, 0, 100, true, 5), 3, 0));
        Assert.NotEqual(third, Batch(new BatchSampler(100, 1, 0, 100, true, 6), 3, 0));
    }

    [Fact]
    public void The_order_is_the_documented_one()
    {
        int[] order = [0, 1, 2, 3, 4];
        for (var index = 4; index > 0; index--)
        {
            var (low, high, _, _) = Philox.Block((uint)index, 0, 7, 0, 42, 0);
            var other = (int)((UInt128)(((ulong)high << 32) | low) * (uint)(index + 1) >> 64);
            (order[index], order[other]) = (order[other], order[index]);
        }

        Assert.Equal(order, Batch(new BatchSampler(5, 1, 0, 5, true, 42), 7, 0));
    }

    [Fact]
    public void Every_position_is_equally_likely()
    {
        var counts = new int[6];
        for (var epoch = 0; epoch < 6000; epoch++)
        {
            counts[Batch(new BatchSampler(6, 1, 0, 1, true, 1), epoch, 0)[0]]++;
        }

        // 1000 are expected of each, with a standard deviation of 29.
        Assert.All(counts, count => Assert.InRange(count, 850, 1150));
    }

    [Fact]
    public void The_last_iteration_is_filled_up_with_the_first_samples_of_the_same_order()
    {
        var sampler = new BatchSampler(10, 2, 1, 3, false, 0);
        var samples = new int[3];

        Assert.Equal(2, sampler.IterationsPerEpoch);
        Assert.Equal(3, sampler.Indices(0, 0, samples));
        Assert.Equal(1, sampler.Indices(0, 1, samples));
        Assert.Equal([9, 0, 1], samples);
    }

    [Fact]
    public void A_rank_beyond_the_last_sample_sees_only_repeats()
    {
        var samples = new int[4];

        Assert.Equal(0, new BatchSampler(3, 3, 2, 4, false, 0).Indices(0, 0, samples));
        Assert.Equal([2, 0, 1, 2], samples);
    }

    [Fact]
    public void The_last_iteration_can_be_dropped_unless_it_is_the_only_one()
    {
        Assert.Equal(1, new BatchSampler(10, 2, 0, 3, false, 0, dropLast: true).IterationsPerEpoch);
        var message = Assert.Throws<DataException>(() => new BatchSampler(5, 2, 0, 3, false, 0, dropLast: true)).Message;
        Assert.Contains("5 samples do not fill one iteration of 2 ranks x micro_batch_size 3", message, StringComparison.Ordinal);
    }

    // The known answers of the authors' Random123 library for philox4x32 with 10 rounds.
    [Theory]
    [InlineData(0u, 0u, 0u, 0u, 0u, 0u, 0x6627e8d5u, 0xe169c58du, 0xbc57ac4cu, 0x9b00dbd8u)]
    [InlineData(uint.MaxValue, uint.MaxValue, uint.MaxValue, uint.MaxValue, uint.MaxValue, uint.MaxValue, 0x408f276du, 0x41c83b0eu, 0xa20bc7c6u, 0x6d5451fdu)]
    [InlineData(0x243f6a88u, 0x85a308d3u, 0x13198a2eu, 0x03707344u, 0xa4093822u, 0x299f31d0u, 0xd16cfe09u, 0x94fdccebu, 0x5001e420u, 0x24126ea1u)]
    public void Philox_gives_its_known_answers(uint c0, uint c1, uint c2, uint c3, uint k0, uint k1, uint r0, uint r1, uint r2, uint r3)
    {
        Assert.Equal((r0, r1, r2, r3), Philox.Block(c0, c1, c2, c3, k0, k1));
    }

    private static int[] Batch(BatchSampler sampler, int epoch, int iteration)
    {
        var samples = new int[sampler.MicroBatchSize];
        sampler.Indices(epoch, iteration, samples);
        return samples;
    }

    /// <summary>The micro-batches of all ranks, iteration by iteration.</summary>
    private static List<int[]> Epoch(int count, int worldSize, int microBatchSize, bool shuffle, int epoch)
    {
        var batches = new List<int[]>();
        var samplers = Enumerable.Range(0, worldSize).Select(rank => new BatchSampler(count, worldSize, rank, microBatchSize, shuffle, 3)).ToList();
        for (var iteration = 0; iteration < samplers[0].IterationsPerEpoch; iteration++)
        {
            foreach (var sampler in samplers)
            {
                var samples = new int[microBatchSize];
                sampler.Indices(epoch, iteration, samples);
                batches.Add(samples);
            }
        }

        return batches;
    }
}
