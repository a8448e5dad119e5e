using System.Diagnostics;
using OrtZero.Kernels;
using OrtZero.Mpi;
using OrtZero.Runtime;

namespace OrtZero.Sharding.Internal;

/// <summary>
/// The flat gradient buffer of stages 0 and 1: adds up micro-batches, and sums buckets over the ranks while the last backward
/// pass goes on, once per update.
/// </summary>
/// <remarks>
/// An all-reduce is a reduce-scatter followed by an all-gather: the bytes are the same, every rank is certain to hold the same
/// bits, and stage 0 sees exactly the sums that stage 1 sees.
/// </remarks>
internal sealed class FlatGradients : GradientReducer
{
    private readonly bool _gather;
    private readonly WireFormat _wire;
    private readonly AlignedBuffer _buffer;
    private readonly Action<int> _reduceOverlapped;

    /// <param name="plan">The layout.</param>
    /// <param name="communicator">The ranks.</param>
    /// <param name="gather">True to leave the sums of the whole model on every rank (stage 0), false only those of its own shard.</param>
    /// <param name="overlap">Reduce on a thread of its own.</param>
    /// <param name="wire">How gradients travel.</param>
    /// <param name="expected">By parameter: whether a gradient comes for it.</param>
    public FlatGradients(PartitionPlan plan, ICommunicator communicator, bool gather, bool overlap, WireFormat wire, bool[] expected)
        : base(plan, communicator, overlap, expected, wantsAllEachTime: false)
    {
        _gather = gather;
        _wire = wire;
        _buffer = new AlignedBuffer(plan.TotalElements * sizeof(float));
        _reduceOverlapped = bucket => Reduce(OverlapCommunicator!, bucket);
    }

    public override long ByteLength => _buffer.ByteLength;

    public override long TransitBytes => 0;

    public override void GatherBucket(int index, Span<float> target)
    {
        var bucket = Plan.Buckets[index];
        Span(bucket.Offset, (int)bucket.Length).CopyTo(target);
        if (!_gather && Communicator.Size > 1)
        {
            Communicator.AllGather(target);
        }
    }

    public override Span<float> Span(long flatOffset, int count) => _buffer.Span<float>(flatOffset, count);

    protected override void Begin(bool first)
    {
        if (State == Phase.LastMicroBatch)
        {
            HandOverBegins();
        }
    }

    protected override void Add(PlannedParameter parameter, ReadOnlySpan<float> gradient, bool firstOfUpdate)
    {
        var target = Span(parameter.Offset, gradient.Length);
        if (firstOfUpdate)
        {
            gradient.CopyTo(target);
        }
        else
        {
            VectorMath.Add(target, gradient);
        }

        if (State == Phase.LastMicroBatch)
        {
            MarkReady(parameter);
        }
    }

    protected override void Complete()
    {
        if (Pipeline is null)
        {
            for (var bucket = 0; Communicator.Size > 1 && bucket < Plan.Buckets.Count; bucket++)
            {
                Reduce(Communicator, bucket);
            }

            return;
        }

        if (State == Phase.Accumulating)
        {
            // Nobody said that this was the last micro-batch (a stop was asked for, say): reduce what has come.
            Pipeline.Start(_reduceOverlapped);
            for (var bucket = 0; bucket < Plan.Buckets.Count; bucket++)
            {
                Pipeline.MarkReady(bucket);
            }
        }

        Pipeline.Complete();
    }

    protected override void FreeBuffers() => _buffer.Dispose();

    private void HandOverBegins()
    {
        if (Pipeline is null)
        {
            return;
        }

        Pipeline.Start(_reduceOverlapped);
        for (var bucket = 0; bucket < MissingInBucket.Length; bucket++)
        {
            if (MissingInBucket[bucket] == 0)
            {
                Pipeline.MarkReady(bucket);
            }
        }
    }

    private void MarkReady(PlannedParameter parameter)
    {
        if (Pipeline is null || parameter.Length == 0)
        {
            return;
        }

        var last = Plan.BucketAt(parameter.Offset + parameter.Length - 1);
        for (var bucket = Plan.BucketAt(parameter.Offset); bucket <= last; bucket++)
        {
            // Gradients may come from several of ORT's threads at once.
            if (Interlocked.Decrement(ref MissingInBucket[bucket]) == 0)
            {
                Pipeline.MarkReady(bucket);
            }
        }
    }

    private void Reduce(ICommunicator ranks, int index)
    {
        var bucket = Plan.Buckets[index];
        var values = Span(bucket.Offset, (int)bucket.Length);
        var started = Stopwatch.GetTimestamp();
        ranks.Label("gradients", index);
        ranks.ReduceScatter(values, _wire);
        if (_gather)
        {
            ranks.AllGather(values);
        }

        ranks.Label(null);
        Trace?.Add(TraceActivity.Reduce, started, index);
    }
}
