using OrtZero.Sharding.Tests.Support;

namespace OrtZero.Sharding.Tests;

/// <summary>Rank 0 reads whole parameters one at a time, as to write them to a file.</summary>
public sealed class LendTests
{
    private static readonly ZeroOptions s_options = new() { ReduceBucketSize = 5_000, PersistenceThreshold = 100 };

    [Theory]
    [InlineData(1, 3)]
    [InlineData(2, 1)]
    [InlineData(2, 3)]
    [InlineData(3, 3)]
    public void Whole_parameters_are_read_in_any_order_and_as_often_as_wanted(int world, int stage)
    {
        var names = VlmJob.Instance.Graph.Parameters.Select(parameter => parameter.Name).ToList();
        var read = ThreadCommunicator.Run(world, ranks =>
        {
            using var engine = VlmJob.Instance.Engine(ranks, s_options with { Stage = stage });
            var read = new List<float[]>();
            engine.Lend(value => read.AddRange(names.AsEnumerable().Reverse().Concat(names).Select(name => value(name).ToArray())));
            engine.GatherWholeParameters();
            List<float[]> whole = [.. names.AsEnumerable().Reverse().Concat(names).Select(name => engine.Parameter(name).ToArray())];
            return (Read: read, Whole: whole);
        });

        Assert.Equal(2 * names.Count, read[0].Read.Count);
        Assert.Equal(read[0].Whole, read[0].Read);
        Assert.All(read.Skip(1), other => Assert.Empty(other.Read));
    }

    [Fact]
    public void A_failure_of_the_reader_lets_the_other_ranks_go_on()
    {
        var large = VlmJob.Instance.Graph.Parameters.MaxBy(parameter => TestModel.Count(parameter.Shape))!.Name;
        var sums = ThreadCommunicator.Run(2, ranks =>
        {
            using var engine = VlmJob.Instance.Engine(ranks, s_options with { Stage = 3 });
            if (ranks.Rank == 0)
            {
                var exception = Assert.Throws<IOException>(() => engine.Lend(value =>
                {
                    Assert.False(value(large).IsEmpty);
                    throw new IOException("The disk is full.");
                }));
                Assert.Equal("The disk is full.", exception.Message);
            }
            else
            {
                engine.Lend(_ => Assert.Fail("Only rank 0 reads."));
            }

            long[] sum = [1];
            ranks.AllReduce(sum, Mpi.ReduceOperation.Sum);
            return sum[0];
        });

        Assert.Equal([2L, 2], sums);
    }

    [Fact]
    public void An_unknown_parameter_is_named()
    {
        ThreadCommunicator.Run(2, ranks =>
        {
            using var engine = VlmJob.Instance.Engine(ranks, s_options with { Stage = 3 });
            if (ranks.Rank == 0)
            {
                Assert.Contains("'nothing'", Assert.Throws<ShardingException>(() => engine.Lend(value => value("nothing"))).Message, StringComparison.Ordinal);
            }
            else
            {
                engine.Lend(_ => { });
            }

            return 0;
        });
    }
}
