using OrtZero.Sharding.Tests.Support;

namespace OrtZero.Sharding.Tests;

/// <summary>How much is gathered at a time changes memory and messages, and never a bit of what is trained.</summary>
public sealed class GatherLimitTests
{
    private static readonly ZeroOptions s_options = new() { ReduceBucketSize = 20_000, PersistenceThreshold = 100 };

    [Theory]
    [InlineData(1, 5_000, true)]
    [InlineData(2, 5_001, false)]
    [InlineData(3, 700, true)]
    [InlineData(1, 1_000_000, true)]
    public void Gathering_updated_parameters_in_pieces_changes_no_bit(int stage, long limit, bool overlap)
    {
        // At stage 3 only parameters that stay whole come back after updates: here all but the large ones.
        var options = s_options with { Stage = stage, OverlapComm = overlap, PersistenceThreshold = 5_000 };

        var whole = Train(options);
        var pieces = Train(options with { AllGatherBucketSize = limit });

        Assert.Equal(whole.Parameters, pieces.Parameters);
        var smaller = limit < 20_000;
        Assert.Equal(smaller, pieces.Gathers > whole.Gathers);
        Assert.Equal(smaller ? limit / 2 * 2 * sizeof(float) : 0, pieces.Transit - whole.Transit);
    }

    [Theory]
    [InlineData(30_000)]
    [InlineData(60_000)]
    public void No_more_parameters_than_the_limit_are_whole_at_a_time(long limit)
    {
        var greedy = s_options with { Stage = 3, PrefetchElements = 1_000_000_000, MaxReuseDistance = 1_000_000_000 };

        var free = Train(greedy);
        var limited = Train(greedy with { MaxLiveElements = limit });

        Assert.True(free.PeakLive > limit, $"Without a limit {free.PeakLive} elements are whole.");
        Assert.InRange(limited.PeakLive, 1, limit);
        Assert.True(limited.Transit < free.Transit, "The limit holds for the buffers too.");
        Assert.Equal(free.Parameters, limited.Parameters);
    }

    [Fact]
    public void What_a_node_reads_is_gathered_whatever_the_limit()
    {
        var job = VlmJob.Instance;
        var options = s_options with { Stage = 3 };

        var least = Train(options with { MaxLiveElements = 1 });

        var plan = PartitionPlan.Create(job.Graph, 2, options);
        var largest = Enumerable.Range(0, plan.Parameters.Count).Where(plan.IsGathered).Max(plan.GatheredElements);
        Assert.InRange(least.PeakLive, largest, 2 * largest);
        Assert.Equal(Train(options).Parameters, least.Parameters);
    }

    [Fact]
    public void Less_is_kept_for_another_use_where_the_limit_is_lower()
    {
        var job = VlmJob.Instance;
        long[] sent = [.. new[] { long.MaxValue, 100_000, 1 }.Select(limit => ShardingForecast.Of(
            job.Graph, job.Groups, 2, s_options with { MaxReuseDistance = long.MaxValue, MaxLiveElements = limit }, microBatches: 1)[3].SentBytes)];

        Assert.True(sent[0] < sent[1] && sent[1] < sent[2], string.Join(", ", sent));
    }

    private static (float[] Parameters, long Gathers, long Transit, long PeakLive) Train(ZeroOptions options)
    {
        var job = VlmJob.Instance;
        var gathers = 0L;
        var ranks = ThreadCommunicator.Run(2, communicator =>
        {
            communicator.OnCollective = name => Interlocked.Add(ref gathers, name == "all-gather" ? 1 : 0);
            using var engine = job.Engine(communicator, options);
            job.Train(engine);
            var (transit, peak) = (engine.TransitBytes, engine.PeakLiveElements);
            engine.GatherWholeParameters();
            return (job.Graph.Parameters.SelectMany(parameter => engine.Parameter(parameter.Name).ToArray()).ToArray(), transit, peak);
        });
        Assert.Equal(ranks[0].Item1, ranks[1].Item1);
        return (ranks[0].Item1, gathers, ranks[0].transit, ranks[0].peak);
    }
}
