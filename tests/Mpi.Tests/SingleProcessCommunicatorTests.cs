namespace OrtZero.Mpi.Tests;

public sealed class SingleProcessCommunicatorTests : IDisposable
{
    private readonly SingleProcessCommunicator _communicator = new();

    public void Dispose() => _communicator.Dispose();

    [Fact]
    public void Collectives_leave_the_only_rank_its_own_data()
    {
        float[] floats = [1, -2, 3];
        double[] doubles = [1, -2, 3];
        long[] integers = [1, -2, 3];
        byte[] bytes = [7, 8];
        _communicator.AllReduce(floats, ReduceOperation.Sum);
        _communicator.AllReduce(doubles, ReduceOperation.Max);
        _communicator.AllReduce(integers, ReduceOperation.Min);
        _communicator.ReduceScatter(floats);
        _communicator.AllGather(floats);
        _communicator.Broadcast(bytes, 0);
        _communicator.Barrier();
        Assert.Equal([1, -2, 3], floats);
        Assert.Equal([1, -2, 3], doubles);
        Assert.Equal([1, -2, 3], integers);
        Assert.Equal([7, 8], bytes);
    }

    [Fact]
    public void Gathers_and_exchange_copy_into_the_receiving_buffer()
    {
        var all = new byte[3];
        _communicator.AllGather([1, 2, 3], all);
        Assert.Equal([1, 2, 3], all);
        Assert.Equal([[4, 5]], _communicator.AllGatherVariable([4, 5]));
        var received = new float[2];
        _communicator.AllToAll([6, 7], received);
        Assert.Equal([6, 7], received);
    }

    [Fact]
    public void An_in_place_gather_of_bytes_is_allowed()
    {
        byte[] all = [1, 2, 3];
        _communicator.AllGather(all, all);
        Assert.Equal([1, 2, 3], all);
    }

    [Fact]
    public void Wrong_arguments_are_named_before_anything_happens()
    {
        var floats = new float[4];
        var bytes = new byte[4];
        Assert.Equal("root", Assert.Throws<ArgumentOutOfRangeException>(() => _communicator.Broadcast(bytes, 1)).ParamName);
        Assert.Equal("operation", Assert.Throws<ArgumentOutOfRangeException>(() => _communicator.AllReduce(floats, (ReduceOperation)3)).ParamName);
        Assert.Equal("all", Assert.Throws<ArgumentException>(() => _communicator.AllGather(bytes, new byte[3])).ParamName);
        Assert.Equal("own", Assert.Throws<ArgumentException>(() => _communicator.AllGather(bytes.AsSpan(0, 3), bytes.AsSpan(1))).ParamName);
        Assert.Equal("receive", Assert.Throws<ArgumentException>(() => _communicator.AllToAll(floats, new float[3])).ParamName);
        Assert.Equal("receive", Assert.Throws<ArgumentException>(() => _communicator.AllToAll(floats, floats)).ParamName);
        Assert.Equal("destination", Assert.Throws<ArgumentException>(() => _communicator.Send(bytes, 0, 0)).ParamName);
        Assert.Equal("source", Assert.Throws<ArgumentOutOfRangeException>(() => _communicator.Receive(bytes, 1, 0)).ParamName);
        Assert.Equal("tag", Assert.Throws<ArgumentOutOfRangeException>(() => _communicator.Send(bytes, 0, -1)).ParamName);
        Assert.Throws<ArgumentOutOfRangeException>(() => _communicator.Timeout = TimeSpan.Zero);
        Assert.Empty(_communicator.RecentCollectives);
    }

    [Fact]
    public void The_last_ten_operations_are_kept_oldest_first()
    {
        for (var i = 1; i <= 12; i++)
        {
            _communicator.Broadcast(new byte[i], 0);
        }

        var recent = _communicator.RecentCollectives;
        Assert.Equal(
            Enumerable.Range(3, 10).Select(i => ((long)i, "broadcast from rank 0", (long)i, true)),
            recent.Select(record => (record.Sequence, record.Name, record.Bytes, record.Completed)));
        Assert.Matches(@"^#3 broadcast from rank 0 3 B, began \d+\.\d{3} s ago, took \d+\.\d ms$", recent[0].ToString());
    }

    [Fact]
    public void A_duplicate_has_its_own_record_and_life()
    {
        _communicator.Timeout = TimeSpan.FromSeconds(5);
        var duplicate = _communicator.Duplicate();
        duplicate.Barrier();
        Assert.Equal(TimeSpan.FromSeconds(5), duplicate.Timeout);
        Assert.Equal("barrier", Assert.Single(duplicate.RecentCollectives).Name);
        duplicate.Dispose();
        Assert.Throws<ObjectDisposedException>(duplicate.Barrier);
        _communicator.Barrier();
    }

    [Fact]
    public void Without_a_launcher_initialize_gives_a_single_process()
    {
        // The test host itself is not run by mpiexec.
        Assert.False(MpiEnvironment.IsLaunched);
        using var communicator = MpiEnvironment.Initialize();
        Assert.IsType<SingleProcessCommunicator>(communicator);
        Assert.Equal((0, 1, 0, 1), (communicator.Rank, communicator.Size, communicator.LocalRank, communicator.LocalSize));
    }
}
