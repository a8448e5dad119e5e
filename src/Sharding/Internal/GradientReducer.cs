using System.Diagnostics;
using OrtZero.Mpi;

namespace OrtZero.Sharding.Internal;

/// <summary>
/// Takes the gradients of an update's micro-batches and sums them over micro-batches and ranks. What it keeps of them, and when
/// ranks talk, is what its two kinds differ in: <see cref="FlatGradients"/> keeps all and reduces once per update,
/// <see cref="StreamedGradients"/> reduces every bucket as it fills and keeps this rank's shard.
/// </summary>
internal abstract class GradientReducer : IDisposable
{
    private readonly bool _wantsAllEachTime;
    private readonly long[] _writtenInUpdate;
    private readonly long[] _seenInMicroBatch;
    private readonly int[] _expectedInBucket;
    private long _update;
    private long _microBatch;

    /// <param name="plan">The layout.</param>
    /// <param name="communicator">The ranks.</param>
    /// <param name="overlap">Reduce on a thread of its own.</param>
    /// <param name="expected">By parameter: whether a gradient comes for it; <see cref="Expect"/> changes that.</param>
    /// <param name="wantsAllEachTime">Whether every micro-batch must bring every gradient, not only every update.</param>
    protected GradientReducer(PartitionPlan plan, ICommunicator communicator, bool overlap, bool[] expected, bool wantsAllEachTime)
    {
        Plan = plan;
        Communicator = communicator;
        Expected = expected;
        _wantsAllEachTime = wantsAllEachTime;
        _writtenInUpdate = new long[plan.Parameters.Count];
        _seenInMicroBatch = new long[plan.Parameters.Count];
        _expectedInBucket = new int[plan.Buckets.Count];
        MissingInBucket = new int[plan.Buckets.Count];
        CountExpected();

        if (communicator.Size > 1 && overlap)
        {
            OverlapCommunicator = communicator.Duplicate();
            Pipeline = new BucketPipeline(plan.Buckets.Count, "ortzero-communication");
        }
    }

    protected enum Phase
    {
        Idle,
        Accumulating,
        LastMicroBatch,
        Reduced,
    }

    /// <summary>The bytes in which gradients are kept from one micro-batch to the next.</summary>
    public abstract long ByteLength { get; }

    /// <summary>The bytes of buffers that hold a bucket on its way, allocated so far.</summary>
    public abstract long TransitBytes { get; }

    /// <summary>The thread that reduces, for other rounds of collectives between updates; null when there is none.</summary>
    public BucketPipeline? Pipeline { get; }

    /// <summary>The communicator that only the thread may use.</summary>
    public ICommunicator? OverlapCommunicator { get; }

    /// <summary>Where reductions and waits for them are recorded; null: nowhere.</summary>
    public StepTrace? Trace { get; set; }

    protected PartitionPlan Plan { get; }

    protected ICommunicator Communicator { get; }

    protected bool[] Expected { get; private set; }

    protected Phase State { get; private set; }

    /// <summary>By bucket: the gradients that have not come in this micro-batch.</summary>
    protected int[] MissingInBucket { get; }

    /// <summary>Changes which parameters gradients come for; between updates.</summary>
    /// <param name="expected">By parameter: whether a gradient comes for it.</param>
    public void Expect(bool[] expected)
    {
        if (State != Phase.Idle)
        {
            throw new InvalidOperationException("Gradients of an update have come already: change what is trained between updates only.");
        }

        Expected = expected;
        CountExpected();
    }

    /// <summary>Says that a micro-batch begins.</summary>
    public void BeginMicroBatch(bool first, bool last)
    {
        Pipeline?.ThrowIfFailed();
        if (State == Phase.LastMicroBatch)
        {
            throw new InvalidOperationException("The last micro-batch of an update has run: call Step before the next micro-batch.");
        }

        if (first)
        {
            _update++;
        }
        else if (State != Phase.Accumulating)
        {
            throw new InvalidOperationException("An update begins with BeginMicroBatch(first: true, …).");
        }
        else if (_wantsAllEachTime)
        {
            ThrowIfGradientMissing(_seenInMicroBatch, _microBatch);
        }

        _microBatch++;
        State = last ? Phase.LastMicroBatch : Phase.Accumulating;
        _expectedInBucket.CopyTo(MissingInBucket, 0);
        Begin(first);
    }

    /// <summary>Takes a parameter's gradient of the micro-batch.</summary>
    public void Accumulate(int parameter, ReadOnlySpan<float> gradient)
    {
        var planned = Plan.Parameters[parameter];
        if (State is not (Phase.Accumulating or Phase.LastMicroBatch))
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
        Add(planned, gradient, firstOfUpdate: _writtenInUpdate[parameter] != _update);
        _writtenInUpdate[parameter] = _update;
    }

    /// <summary>Waits until this rank's pieces hold the sums over all ranks (at stage 0: everything does).</summary>
    public void Finish()
    {
        Pipeline?.ThrowIfFailed();
        switch (State)
        {
            case Phase.Reduced:
                return;
            case Phase.Idle:
                throw new InvalidOperationException("There is no gradient to apply: run at least one micro-batch before Step.");
        }

        if (_wantsAllEachTime || State == Phase.LastMicroBatch)
        {
            ThrowIfGradientMissing(_seenInMicroBatch, _microBatch);
        }
        else
        {
            ThrowIfGradientMissing(_writtenInUpdate, _update);
        }

        var started = Stopwatch.GetTimestamp();
        Complete();
        Trace?.Add(TraceActivity.Wait, started);
        State = Phase.Reduced;
    }

    /// <summary>Says that the gradients were used: the next micro-batch begins a new update.</summary>
    public void Release() => State = Phase.Idle;

    /// <summary>After <see cref="Finish"/>: a whole bucket of sums, on every rank. Collective.</summary>
    /// <param name="index">The bucket.</param>
    /// <param name="target">As long as the bucket.</param>
    public abstract void GatherBucket(int index, Span<float> target);

    /// <summary>After <see cref="Finish"/>: a stretch of the sums that this rank holds, within one bucket.</summary>
    public abstract Span<float> Span(long flatOffset, int count);

    /// <summary>Ends the thread and frees the buffers. False when a collective does not return: it still works on the buffers, and
    /// freeing them would turn a stalled job into a corrupted one, so they stay until the process ends.</summary>
    public bool TryDispose()
    {
        if (Pipeline is not null && !Pipeline.TryStop(TimeSpan.FromSeconds(2)))
        {
            return false;
        }

        // Freeing a communicator may wait for the other ranks, who do not come when this one gives up in the middle of an update.
        if (State == Phase.Idle && Pipeline is not { HasFailed: true })
        {
            OverlapCommunicator?.Dispose();
        }

        FreeBuffers();
        return true;
    }

    public void Dispose() => TryDispose();

    /// <summary>A micro-batch begins; <see cref="MissingInBucket"/> is filled.</summary>
    protected abstract void Begin(bool first);

    /// <summary>A gradient of the right length came.</summary>
    protected abstract void Add(PlannedParameter parameter, ReadOnlySpan<float> gradient, bool firstOfUpdate);

    /// <summary>All gradients have come: finish the sums.</summary>
    protected abstract void Complete();

    protected abstract void FreeBuffers();

    private void CountExpected()
    {
        Array.Clear(_expectedInBucket);
        foreach (var range in Plan.AllRanges())
        {
            _expectedInBucket[range.Bucket] += Expected[range.Parameter] ? 1 : 0;
        }
    }

    private void ThrowIfGradientMissing(long[] stamps, long wanted)
    {
        for (var parameter = 0; parameter < Expected.Length; parameter++)
        {
            if (Expected[parameter] && stamps[parameter] != wanted)
            {
                throw new ShardingException(
                    $"No gradient of '{Plan.Parameters[parameter].Name}' came in this update: run the training graph with its ReduceGrad nodes, or freeze the parameter.");
            }
        }
    }
}
