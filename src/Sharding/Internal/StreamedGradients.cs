using System.Diagnostics;
using OrtZero.Mpi;
using OrtZero.Runtime;

namespace OrtZero.Sharding.Internal;

/// <summary>
/// Gradients from stage 2 on, and at every stage when sums must come out the same to the last bit: a bucket is summed over the
/// ranks as soon as it is full, this rank's piece of the sum goes into the shard, and the bucket's memory into the next bucket.
/// </summary>
/// <remarks>
/// <para>Deterministic sums: the ranks exchange pieces (all-to-all), which moves the bytes of a reduce-scatter, and each adds the N
/// pieces it received in a balanced tree over the rank; <see cref="ShardSum"/> continues that tree over the micro-batches. With
/// micro-batch m = step * N + rank it is one tree over m, whatever N is. Sums are per element, so it does not matter where buckets
/// begin and end either.</para>
/// <para>A thread that fills buckets faster than they are reduced waits, but only while a reduction goes on that can come to an
/// end: if the next bucket in order is not full yet, waiting for its memory would wait for oneself.</para>
/// </remarks>
internal sealed class StreamedGradients : GradientReducer
{
    /// <summary>Buckets in memory before filling waits for reducing: one of each and one in between.</summary>
    internal const int PooledBuckets = 3;

    private readonly object _gate = new();
    private readonly WireFormat _wire;
    private readonly ShardSum _sum;
    private readonly AlignedBuffer? _all;
    private readonly AlignedBuffer? _received;
    private readonly AlignedBuffer?[] _filling;
    private readonly Stack<AlignedBuffer> _free = [];
    private readonly long _bucketBytes;
    private readonly Action<int> _reduceOverlapped;
    private int _allocated;
    private long _leaf;
    private int _nextInline;

    /// <param name="plan">The layout.</param>
    /// <param name="communicator">The ranks.</param>
    /// <param name="gather">True to leave the sums of the whole model on every rank (stage 0), false only those of its own shard.</param>
    /// <param name="overlap">Reduce on a thread of its own.</param>
    /// <param name="tree">Sum in the one tree; the number of ranks must be a power of two.</param>
    /// <param name="wire">How gradients travel; as they are in the one tree.</param>
    /// <param name="expected">By parameter: whether a gradient comes for it.</param>
    public StreamedGradients(PartitionPlan plan, ICommunicator communicator, bool gather, bool overlap, bool tree, WireFormat wire, bool[] expected)
        : base(plan, communicator, overlap, expected, wantsAllEachTime: true)
    {
        _wire = wire;
        _sum = new ShardSum(plan.ShardElements, tree);
        _filling = new AlignedBuffer?[plan.Buckets.Count];
        _bucketBytes = plan.Buckets.Max(bucket => bucket.Length) * sizeof(float);
        _all = gather && communicator.Size > 1 ? new AlignedBuffer(plan.TotalElements * sizeof(float)) : null;
        _received = tree && communicator.Size > 1 ? new AlignedBuffer(_bucketBytes) : null;
        _reduceOverlapped = bucket => Reduce(OverlapCommunicator!, bucket);
    }

    public override long ByteLength => _sum.ByteLength + (_all?.ByteLength ?? 0);

    public override long TransitBytes => (_allocated * _bucketBytes) + (_received?.ByteLength ?? 0);

    public override void GatherBucket(int index, Span<float> target)
    {
        var bucket = Plan.Buckets[index];
        var (offset, length) = _all is null ? (bucket.PieceOffset(Communicator.Rank), bucket.PieceLength) : (bucket.Offset, bucket.Length);
        Span(offset, (int)length).CopyTo(target[(int)(offset - bucket.Offset)..]);
        if (_all is null && Communicator.Size > 1)
        {
            Communicator.AllGather(target);
        }
    }

    public override Span<float> Span(long flatOffset, int count)
    {
        if (_all is not null)
        {
            return _all.Span<float>(flatOffset, count);
        }

        var bucket = Plan.Buckets[Plan.BucketAt(flatOffset)];
        return _sum.Span(bucket.ShardOffset + flatOffset - bucket.PieceOffset(Communicator.Rank), count);
    }

    protected override void Begin(bool first)
    {
        EndRound();
        _leaf = first ? 0 : _leaf + 1;
        _sum.Begin(_leaf);
        if (Communicator.Size == 1)
        {
            return;
        }

        _nextInline = 0;
        Pipeline?.Start(_reduceOverlapped);
        for (var bucket = 0; bucket < MissingInBucket.Length; bucket++)
        {
            if (MissingInBucket[bucket] == 0)
            {
                HandOver(bucket);
            }
        }
    }

    protected override void Add(PlannedParameter parameter, ReadOnlySpan<float> gradient, bool firstOfUpdate)
    {
        if (Communicator.Size == 1)
        {
            _sum.Add(parameter.Offset, gradient);
            return;
        }

        for (var position = 0L; position < parameter.Length;)
        {
            var flat = parameter.Offset + position;
            var bucket = Plan.Buckets[Plan.BucketAt(flat)];
            var count = (int)Math.Min(parameter.Length - position, bucket.End - flat);
            gradient.Slice((int)position, count).CopyTo(Filling(bucket.Index).Span<float>(flat - bucket.Offset, count));
            // Gradients may come from several of ORT's threads at once.
            if (Interlocked.Decrement(ref MissingInBucket[bucket.Index]) == 0)
            {
                HandOver(bucket.Index);
            }

            position += count;
        }
    }

    protected override void Complete()
    {
        EndRound();
        _sum.End(_leaf + 1);
        for (var index = 0; _all is not null && index < Plan.Buckets.Count; index++)
        {
            var bucket = Plan.Buckets[index];
            _sum.Span(bucket.ShardOffset, (int)bucket.PieceLength).CopyTo(Span(bucket.PieceOffset(Communicator.Rank), (int)bucket.PieceLength));
            Communicator.AllGather(Span(bucket.Offset, (int)bucket.Length));
        }
    }

    protected override void FreeBuffers()
    {
        _sum.Dispose();
        _all?.Dispose();
        _received?.Dispose();
        foreach (var buffer in _free.Concat(_filling.OfType<AlignedBuffer>()))
        {
            buffer.Dispose();
        }
    }

    // The rounds of two micro-batches must not mix: the next writes to other partial sums.
    private void EndRound()
    {
        if (Pipeline is not null)
        {
            var started = Stopwatch.GetTimestamp();
            Pipeline.Complete();
            Trace?.Add(TraceActivity.Wait, started);
        }
    }

    private AlignedBuffer Filling(int bucket)
    {
        if (Volatile.Read(ref _filling[bucket]) is { } filling)
        {
            return filling;
        }

        lock (_gate)
        {
            return _filling[bucket] ??= Rent();
        }
    }

    private AlignedBuffer Rent()
    {
        var started = Stopwatch.GetTimestamp();
        var waited = false;
        while (_free.Count == 0 && _allocated >= PooledBuckets && Pipeline is { IsWorking: true })
        {
            // A round's last news may come between the test and the wait; looking again after a moment needs no second lock.
            Monitor.Wait(_gate, TimeSpan.FromMilliseconds(5));
            Pipeline.ThrowIfFailed();
            waited = true;
        }

        if (waited)
        {
            Trace?.Add(TraceActivity.Wait, started);
        }

        if (_free.TryPop(out var buffer))
        {
            return buffer;
        }

        _allocated++;
        return new AlignedBuffer(_bucketBytes);
    }

    private void HandOver(int bucket)
    {
        if (Pipeline is not null)
        {
            Pipeline.MarkReady(bucket);
            return;
        }

        // Without a thread, in the thread that brought the last gradient; in order all the same, as collectives must be.
        lock (_gate)
        {
            while (_nextInline < MissingInBucket.Length && Volatile.Read(ref MissingInBucket[_nextInline]) == 0)
            {
                var started = Stopwatch.GetTimestamp();
                Reduce(Communicator, _nextInline++);
                Trace?.Add(TraceActivity.Wait, started);
            }
        }
    }

    private void Reduce(ICommunicator ranks, int index)
    {
        if (_filling[index] is not { } buffer)
        {
            // Nothing but padding and parameters without a gradient.
            return;
        }

        var bucket = Plan.Buckets[index];
        var values = buffer.Span<float>(0, (int)bucket.Length);
        var piece = (int)bucket.PieceLength;
        var started = Stopwatch.GetTimestamp();
        ranks.Label("gradients", index);
        if (_received is null)
        {
            ranks.ReduceScatter(values, _wire);
            _sum.Add(bucket.ShardOffset, values.Slice(ranks.Rank * piece, piece));
        }
        else
        {
            var received = _received.Span<float>(0, values.Length);
            ranks.AllToAll(values, received);
            TreeSum.InPlace(received, ranks.Size);
            _sum.Add(bucket.ShardOffset, received[..piece]);
        }

        ranks.Label(null);
        Trace?.Add(TraceActivity.Reduce, started, index);
        lock (_gate)
        {
            _filling[index] = null;
            _free.Push(buffer);
            Monitor.PulseAll(_gate);
        }
    }
}
