using OrtZero.Kernels;
using OrtZero.Mpi;
using OrtZero.Runtime;

namespace OrtZero.Sharding.Internal;

/// <summary>
/// The flat gradient buffer: adds up micro-batches, and sums buckets over the ranks while the last backward pass goes on.
/// </summary>
/// <remarks>
/// An all-reduce is a reduce-scatter followed by an all-gather: the bytes are the same, every rank is certain to hold the same
/// bits, and stage 0 sees exactly the sums that stage 1 sees.
/// </remarks>
internal sealed class GradientReducer : IDisposable
{
    private enum State
    {
        Idle,
        Accumulating,
        LastMicroBatch,
        Reduced,
    }

    private readonly PartitionPlan _plan;
    private readonly ICommunicator _communicator;
    private readonly ICommunicator? _overlapCommunicator;
    private readonly BucketPipeline? _pipeline;
    private readonly bool _gather;
    private readonly AlignedBuffer _buffer;
    private readonly bool[] _expected;
    private readonly int[] _expectedInBucket;
    private readonly int[] _missingInBucket;
    private readonly long[] _writtenInUpdate;
    private readonly long[] _seenInMicroBatch;
    private readonly Action<int> _reduceOverlapped;
    private long _update;
    private long _microBatch;
    private State _state;

    /// <param name="plan">The layout.</param>
    /// <param name="communicator">The ranks.</param>
    /// <param name="gather">True to leave the sums of the whole model on every rank (stage 0), false only those of its own shard.</param>
    /// <param name="overlap">Reduce on a thread of its own.</param>
    /// <param name="expected">By parameter: whether a gradient comes for it.</param>
    public GradientReducer(PartitionPlan plan, ICommunicator communicator, bool gather, bool overlap, bool[] expected)
    {
        _plan = plan;
        _communicator = communicator;
        _gather = gather;
        _expected = expected;
        _buffer = new AlignedBuffer(_plan.TotalElements * sizeof(float));
        _writtenInUpdate = new long[_plan.Parameters.Count];
        _seenInMicroBatch = new long[_plan.Parameters.Count];
        _expectedInBucket = new int[_plan.Buckets.Count];
        _missingInBucket = new int[_plan.Buckets.Count];
        foreach (var range in _plan.AllRanges())
        {
            _expectedInBucket[range.Bucket] += _expected[range.Parameter] ? 1 : 0;
        }

        if (_communicator.Size > 1 && overlap)
        {
            _overlapCommunicator = _communicator.Duplicate();
            _pipeline = new BucketPipeline(_plan.Buckets.Count, "ortzero-communication");
        }

        _reduceOverlapped = bucket => Reduce(_overlapCommunicator!, bucket);
    }

    /// <summary>The bytes of the gradient buffer.</summary>
    public long ByteLength => _buffer.ByteLength;

    /// <summary>The thread that reduces, for other rounds of collectives between updates; null when there is none.</summary>
    public BucketPipeline? Pipeline => _pipeline;

    /// <summary>The communicator that only the thread may use.</summary>
    public ICommunicator? OverlapCommunicator => _overlapCommunicator;

    /// <summary>Says that a micro-batch begins.</summary>
    public void BeginMicroBatch(bool first, bool last)
    {
        _pipeline?.ThrowIfFailed();
        if (_state == State.LastMicroBatch)
        {
            throw new InvalidOperationException("The last micro-batch of an update has run: call Step before the next micro-batch.");
        }

        if (first)
        {
            _update++;
        }
        else if (_state != State.Accumulating)
        {
            throw new InvalidOperationException("An update begins with BeginMicroBatch(first: true, …).");
        }

        _microBatch++;
        _state = State.Accumulating;
        if (last)
        {
            _state = State.LastMicroBatch;
            HandOverBegins();
        }
    }

    /// <summary>Writes (first micro-batch of an update) or adds a gradient; on the last one hands full buckets over.</summary>
    public void Accumulate(int parameter, ReadOnlySpan<float> gradient)
    {
        var planned = _plan.Parameters[parameter];
        if (_state is not (State.Accumulating or State.LastMicroBatch))
        {
            throw new InvalidOperationException($"A gradient of '{planned.Name}' came outside a micro-batch: call BeginMicroBatch before each run.");
        }

        if (gradient.Length != planned.Length)
        {
            throw new ShardingException(
                $"The gradient of '{planned.Name}' has {gradient.Length} elements but the parameter has {planned.Length} ([{string.Join(", ", planned.Shape)}]).");
        }

        if (_seenInMicroBatch[parameter] == _microBatch)
        {
            throw new InvalidOperationException(
                $"A second gradient of '{planned.Name}' came in one micro-batch: call BeginMicroBatch before each run and sum gradients of several consumers in the graph.");
        }

        _seenInMicroBatch[parameter] = _microBatch;
        var target = _buffer.Span<float>(planned.Offset, gradient.Length);
        if (_writtenInUpdate[parameter] == _update)
        {
            VectorMath.Add(target, gradient);
        }
        else
        {
            gradient.CopyTo(target);
            _writtenInUpdate[parameter] = _update;
        }

        if (_state == State.LastMicroBatch)
        {
            MarkReady(planned);
        }
    }

    /// <summary>Waits until this rank's pieces hold the sums over all ranks (at stage 0: the whole buffer does).</summary>
    public void Finish()
    {
        _pipeline?.ThrowIfFailed();
        switch (_state)
        {
            case State.Reduced:
                return;
            case State.Idle:
                throw new InvalidOperationException("There is no gradient to apply: run at least one micro-batch before Step.");
        }

        ThrowIfGradientMissing();
        if (_state == State.Accumulating)
        {
            // Nobody said that this was the last micro-batch (a stop was asked for, say): reduce what has come.
            _state = State.LastMicroBatch;
            HandOverBegins();
            HandOverAll();
        }

        if (_pipeline is not null)
        {
            _pipeline.Complete();
        }
        else if (_communicator.Size > 1)
        {
            for (var bucket = 0; bucket < _plan.Buckets.Count; bucket++)
            {
                Reduce(_communicator, bucket);
            }
        }

        _state = State.Reduced;
    }

    /// <summary>Says that the gradients were used: the next micro-batch begins a new update.</summary>
    public void Release() => _state = State.Idle;

    /// <summary>After <see cref="Finish"/>: makes the whole buffer hold the sums, on every rank. Collective.</summary>
    public void GatherAll()
    {
        if (_gather || _communicator.Size == 1)
        {
            return;
        }

        foreach (var bucket in _plan.Buckets)
        {
            _communicator.AllGather(_buffer.Span<float>(bucket.Offset, (int)bucket.Length));
        }
    }

    /// <summary>A stretch of the flat gradient buffer.</summary>
    public Span<float> Span(long flatOffset, int count) => _buffer.Span<float>(flatOffset, count);

    /// <summary>Ends the thread and frees the buffer. False when a collective does not return: it still works on the buffers, and
    /// freeing them would turn a stalled job into a corrupted one, so they stay until the process ends.</summary>
    public bool TryDispose()
    {
        if (_pipeline is not null && !_pipeline.TryStop(TimeSpan.FromSeconds(2)))
        {
            return false;
        }

        // Freeing a communicator may wait for the other ranks, who do not come when this one gives up in the middle of an update.
        if (_state == State.Idle && _pipeline is not { HasFailed: true })
        {
            _overlapCommunicator?.Dispose();
        }

        _buffer.Dispose();
        return true;
    }

    public void Dispose() => TryDispose();

    private void HandOverBegins()
    {
        _expectedInBucket.CopyTo(_missingInBucket, 0);
        if (_pipeline is null)
        {
            return;
        }

        _pipeline.Start(_reduceOverlapped);
        for (var bucket = 0; bucket < _missingInBucket.Length; bucket++)
        {
            if (_missingInBucket[bucket] == 0)
            {
                _pipeline.MarkReady(bucket);
            }
        }
    }

    private void HandOverAll()
    {
        for (var bucket = 0; _pipeline is not null && bucket < _missingInBucket.Length; bucket++)
        {
            _pipeline.MarkReady(bucket);
        }
    }

    private void MarkReady(PlannedParameter planned)
    {
        if (_pipeline is null || planned.Length == 0)
        {
            return;
        }

        var last = _plan.BucketAt(planned.Offset + planned.Length - 1);
        for (var bucket = _plan.BucketAt(planned.Offset); bucket <= last; bucket++)
        {
            // Gradients may come from several of ORT's threads at once.
            if (Interlocked.Decrement(ref _missingInBucket[bucket]) == 0)
            {
                _pipeline.MarkReady(bucket);
            }
        }
    }

    private void Reduce(ICommunicator ranks, int index)
    {
        var bucket = _plan.Buckets[index];
        var values = _buffer.Span<float>(bucket.Offset, (int)bucket.Length);
        ranks.ReduceScatter(values);
        if (_gather)
        {
            ranks.AllGather(values);
        }
    }

    private void ThrowIfGradientMissing()
    {
        var stamp = _state == State.LastMicroBatch ? _seenInMicroBatch : _writtenInUpdate;
        var wanted = _state == State.LastMicroBatch ? _microBatch : _update;
        for (var parameter = 0; parameter < _expected.Length; parameter++)
        {
            if (_expected[parameter] && stamp[parameter] != wanted)
            {
                throw new ShardingException(
                    $"No gradient of '{_plan.Parameters[parameter].Name}' came in this update: run the training graph with its ReduceGrad nodes, or freeze the parameter.");
            }
        }
    }
}
