namespace OrtZero.Training.Tests;

public sealed class BucketSamplerTests
{
    private static readonly int[] s_counts = [21, 8, 5];

    [Fact]
    public void Buckets_come_one_after_the_other_and_fill_whole_updates()
    {
        var sampler = new BucketSampler([5, 4], 1, 0, 2, shuffle: false, seed: 0, dropLast: false, accumulativeCounts: 2);

        Assert.Equal(6, sampler.IterationsPerEpoch);
        Assert.Equal(
            ["0: 0 1", "0: 2 3", "0: 4 0", "0: 1 2", "1: 0 1", "1: 2 3"], Enumerable.Range(0, 6).Select(iteration => Text(sampler, 0, iteration, 2)));
    }

    [Fact]
    public void One_bucket_is_the_order_without_buckets()
    {
        var sampler = new BucketSampler([10], 2, 1, 2, shuffle: true, seed: 3, dropLast: false, accumulativeCounts: 4);
        var plain = new BatchSampler(10, 2, 1, 2, shuffle: true, seed: 3);
        var (a, b) = (new int[2], new int[2]);

        Assert.Equal(plain.IterationsPerEpoch, sampler.IterationsPerEpoch);
        for (var iteration = 0; iteration < plain.IterationsPerEpoch; iteration++)
        {
            Assert.Equal(0, sampler.Indices(1, iteration, a));
            plain.Indices(1, iteration, b);
            Assert.Equal(b, a);
        }
    }

    [Fact]
    public void Updates_are_the_same_however_ranks_and_accumulation_share_them()
    {
        var expected = Updates(1, 4);
        Assert.Equal(expected, Updates(2, 2));
        Assert.Equal(expected, Updates(4, 1));
        // All updates of an epoch, in an order that mixes buckets and changes with the epoch.
        Assert.Equal(3 * 10, expected.Count);
        Assert.NotEqual(expected[..10].Select(update => update[0]), expected[10..20].Select(update => update[0]));
        Assert.NotEqual(expected[..10].Select(update => update[0]).Order(), expected[..10].Select(update => update[0]));
        foreach (var (bucket, count) in s_counts.Index())
        {
            var seen = expected[..10].Where(update => update[0] == '0' + bucket).SelectMany(update => update[3..].Split(' ').Select(int.Parse));
            Assert.Equal(Enumerable.Range(0, count), seen.Distinct().Order());
        }
    }

    [Fact]
    public void A_bucket_too_small_for_an_update_cannot_be_dropped()
    {
        var message = Assert.Throws<DataException>(() => new BucketSampler([16, 3], 2, 0, 2, false, 0, dropLast: true, accumulativeCounts: 2)).Message;
        Assert.Contains("3 samples do not fill one update of 2 ranks x micro_batch_size 2 x accumulative_counts 2, and drop_last leaves it out", message, StringComparison.Ordinal);
    }

    // Each update of three epochs as "bucket: samples", the micro-batches in the order of steps and ranks; four of one sample make an update.
    private static List<string> Updates(int ranks, int counts)
    {
        var samplers = Enumerable.Range(0, ranks).Select(rank => new BucketSampler(s_counts, ranks, rank, 1, true, 9, false, counts)).ToList();
        var updates = new List<string>();
        for (var epoch = 0; epoch < 3; epoch++)
        {
            Assert.Equal(0, samplers[0].IterationsPerEpoch % counts);
            for (var iteration = 0; iteration < samplers[0].IterationsPerEpoch; iteration += counts)
            {
                var steps = Enumerable.Range(iteration, counts).SelectMany(step => samplers.Select(sampler => Text(sampler, epoch, step, 1))).ToList();
                Assert.Single(steps.Select(step => step[0]).Distinct());
                updates.Add(steps[0][..3] + string.Join(' ', steps.Select(step => step[3..])));
            }
        }

        return updates;
    }

    private static string Text(BucketSampler sampler, int epoch, int iteration, int size)
    {
        var samples = new int[size];
        return $"{sampler.Indices(epoch, iteration, samples)}: {string.Join(' ', samples)}";
    }
}
