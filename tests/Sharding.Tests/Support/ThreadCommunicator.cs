using System.Collections.Concurrent;
using System.Diagnostics.CodeAnalysis;
using System.Numerics;
using OrtZero.Mpi;

namespace OrtZero.Sharding.Tests.Support;

/// <summary>
/// Ranks as threads of one process: each collective copies what it needs between two barriers and sums in rank order. Writes
/// garbage wherever the interface allows it, so that nobody comes to rely on what happens to be there.
/// </summary>
internal sealed class ThreadCommunicator : ICommunicator
{
    private readonly Group _group;

    private ThreadCommunicator(Group group, int rank)
    {
        _group = group;
        Rank = rank;
    }

    public int Rank { get; }

    public int Size => _group.Size;

    public int LocalRank => Rank;

    public int LocalSize => Size;

    public string Description => $"thread {Rank} of {Size}";

    public TimeSpan Timeout { get; set; } = TimeSpan.FromSeconds(60);

    public IReadOnlyList<CollectiveRecord> RecentCollectives => [];

    /// <summary>Called before every collective with its name; may throw to play a failure.</summary>
    public Action<string>? OnCollective { get; set; }

    /// <summary>Runs a job on a number of ranks and returns what each returned; the first failure ends all of them.</summary>
    public static T[] Run<T>(int size, Func<ThreadCommunicator, T> job)
    {
        using var group = new Group(size, new CancellationTokenSource(TimeSpan.FromSeconds(120)));
        var results = new T[size];
        Exception? failure = null;
        var threads = Enumerable.Range(0, size).Select(rank => new Thread(() =>
        {
            try
            {
                using var communicator = new ThreadCommunicator(group, rank);
                results[rank] = job(communicator);
            }
            catch (Exception exception)
            {
                // The first to fail ends the others, whose own failures only follow from that.
                Interlocked.CompareExchange(ref failure, exception, null);
                group.Cancellation.Cancel();
            }
        })).ToList();
        threads.ForEach(thread => thread.Start());
        threads.ForEach(thread => thread.Join());
        return failure is null ? results : throw new AggregateException(failure.Message, failure);
    }

    public void Barrier() => Enter("barrier");

    public void Broadcast(Span<byte> data, int root)
    {
        Exchange("broadcast", data.ToArray());
        Slot<byte>(root).CopyTo(data);
        Leave();
    }

    public void AllReduce(Span<float> data, ReduceOperation operation) => Combine(data, operation);

    public void AllReduce(Span<double> data, ReduceOperation operation) => Combine(data, operation);

    public void AllReduce(Span<long> data, ReduceOperation operation) => Combine(data, operation);

    public void ReduceScatter(Span<float> buffer, WireFormat format = WireFormat.Float32)
    {
        Assert.Equal(WireFormat.Float32, format);
        Assert.Equal(0, buffer.Length % Size);
        Exchange("reduce-scatter", buffer.ToArray());
        var piece = buffer.Length / Size;
        buffer.Fill(float.NaN);
        for (var element = Rank * piece; element < (Rank + 1) * piece; element++)
        {
            var sum = 0f;
            for (var rank = 0; rank < Size; rank++)
            {
                sum += Slot<float>(rank)[element];
            }

            buffer[element] = sum;
        }

        Leave();
    }

    public void AllGather(Span<float> buffer)
    {
        Assert.Equal(0, buffer.Length % Size);
        var piece = buffer.Length / Size;
        Exchange("all-gather", buffer.Slice(Rank * piece, piece).ToArray());
        for (var rank = 0; rank < Size; rank++)
        {
            Slot<float>(rank).CopyTo(buffer[(rank * piece)..]);
        }

        Leave();
    }

    public void AllGather(ReadOnlySpan<byte> own, Span<byte> all)
    {
        Assert.Equal(all.Length, own.Length * Size);
        Exchange("all-gather bytes", own.ToArray());
        for (var rank = 0; rank < Size; rank++)
        {
            Slot<byte>(rank).CopyTo(all[(rank * own.Length)..]);
        }

        Leave();
    }

    public byte[][] AllGatherVariable(ReadOnlySpan<byte> own)
    {
        Exchange("all-gather variable", own.ToArray());
        var all = Enumerable.Range(0, Size).Select(rank => Slot<byte>(rank).ToArray()).ToArray();
        Leave();
        return all;
    }

    public void AllToAll(ReadOnlySpan<float> send, Span<float> receive)
    {
        Assert.Equal(send.Length, receive.Length);
        Assert.Equal(0, send.Length % Size);
        Exchange("all-to-all", send.ToArray());
        var piece = send.Length / Size;
        for (var rank = 0; rank < Size; rank++)
        {
            Slot<float>(rank).AsSpan(Rank * piece, piece).CopyTo(receive[(rank * piece)..]);
        }

        Leave();
    }

    public void Send(ReadOnlySpan<byte> data, int destination, int tag) =>
        _group.Messages(Rank, destination, tag).Add(data.ToArray(), _group.Cancellation.Token);

    public int Receive(Span<byte> data, int source, int tag)
    {
        var message = _group.Messages(source, Rank, tag).Take(_group.Cancellation.Token);
        message.CopyTo(data);
        return message.Length;
    }

    public ICommunicator Duplicate()
    {
        if (Rank == 0)
        {
            _group.Duplicate = new Group(Size, _group.Cancellation);
        }

        Enter("duplicate");
        var duplicate = new ThreadCommunicator(_group.Duplicate!, Rank) { OnCollective = OnCollective };
        Leave();
        return duplicate;
    }

    [DoesNotReturn]
    public void Abort(int exitCode) => throw new InvalidOperationException($"Abort({exitCode})");

    public void Dispose()
    {
    }

    private void Combine<T>(Span<T> data, ReduceOperation operation)
        where T : INumber<T>
    {
        Exchange("all-reduce", data.ToArray());
        for (var element = 0; element < data.Length; element++)
        {
            var sum = Slot<T>(0)[element];
            for (var rank = 1; rank < Size; rank++)
            {
                sum = operation switch
                {
                    ReduceOperation.Max => T.Max(sum, Slot<T>(rank)[element]),
                    ReduceOperation.Min => T.Min(sum, Slot<T>(rank)[element]),
                    _ => sum + Slot<T>(rank)[element],
                };
            }

            data[element] = sum;
        }

        Leave();
    }

    private void Exchange(string name, Array own)
    {
        _group.Slots[Rank] = own;
        Enter(name);
        Assert.All(_group.Names, other => Assert.Equal(name, other));
        Assert.True(name == "all-gather variable" || _group.Slots.All(slot => slot!.Length == own.Length), $"Lengths of {name} differ.");
    }

    private void Enter(string name)
    {
        OnCollective?.Invoke(name);
        _group.Names[Rank] = name;
        Leave();
    }

    private void Leave() => _group.Gate.SignalAndWait(_group.Cancellation.Token);

    private T[] Slot<T>(int rank) => (T[])_group.Slots[rank]!;

    private sealed class Group(int size, CancellationTokenSource cancellation) : IDisposable
    {
        public int Size { get; } = size;

        public CancellationTokenSource Cancellation { get; } = cancellation;

        public Barrier Gate { get; } = new(size);

        public Array?[] Slots { get; } = new Array?[size];

        public string[] Names { get; } = new string[size];

        public Group? Duplicate { get; set; }

        private readonly ConcurrentDictionary<(int, int, int), BlockingCollection<byte[]>> _messages = new();

        /// <summary>What was sent and not yet received. A send waits, as a large one of MPI does, until it is received.</summary>
        public BlockingCollection<byte[]> Messages(int source, int destination, int tag) =>
            _messages.GetOrAdd((source, destination, tag), _ => new BlockingCollection<byte[]>(1));

        public void Dispose()
        {
            foreach (var messages in _messages.Values)
            {
                messages.Dispose();
            }

            Gate.Dispose();
            Cancellation.Dispose();
        }
    }
}
