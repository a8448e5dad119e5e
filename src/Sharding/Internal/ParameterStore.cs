using OrtZero.Mpi;
using OrtZero.Runtime;

namespace OrtZero.Sharding.Internal;

/// <summary>
/// Where parameters lie: below stage 3 in one flat buffer; at stage 3 this rank's shard of those that are gathered, and the small
/// ones whole.
/// </summary>
/// <remarks>At stage 3 the flat offsets of the plan stay the addresses; those of other ranks' pieces lead nowhere.</remarks>
internal sealed class ParameterStore : IDisposable
{
    private readonly PartitionPlan _plan;
    private readonly int _rank;
    private readonly AlignedBuffer _shared;
    private readonly AlignedBuffer? _shard;
    private AlignedBuffer? _whole;

    public ParameterStore(PartitionPlan plan, int rank)
    {
        _plan = plan;
        _rank = rank;
        _shared = new AlignedBuffer(SharedElements(plan) * sizeof(float));
        if (plan.SharedOffset > 0)
        {
            _shard = new AlignedBuffer(ShardElements(plan) * sizeof(float));
        }
    }

    /// <summary>The bytes that are always there.</summary>
    public long ByteLength => _shared.ByteLength + (_shard?.ByteLength ?? 0);

    /// <summary>Whether every parameter is there as a whole.</summary>
    public bool IsWhole => _shard is null || _whole is not null;

    /// <summary>A rank's elements of the parameters that are gathered.</summary>
    public static long ShardElements(PartitionPlan plan) => plan.SharedOffset == plan.TotalElements
        ? plan.ShardElements
        : plan.Buckets[plan.BucketAt(plan.SharedOffset)].ShardOffset;

    /// <summary>The elements that every rank holds.</summary>
    public static long SharedElements(PartitionPlan plan) => Math.Max(plan.TotalElements - plan.SharedOffset, PartitionPlan.BlockElements);

    /// <summary>A stretch that this rank owns or that is whole on every rank.</summary>
    public Span<float> Span(long flatOffset, int count)
    {
        if (flatOffset >= _plan.SharedOffset)
        {
            return _shared.Span<float>(flatOffset - _plan.SharedOffset, count);
        }

        var bucket = _plan.Buckets[_plan.BucketAt(flatOffset)];
        return _shard!.Span<float>(bucket.ShardOffset + flatOffset - bucket.PieceOffset(_rank), count);
    }

    /// <summary>The memory of a whole parameter and its first element there.</summary>
    /// <exception cref="ShardingException">It is sharded and not gathered now.</exception>
    public (AlignedBuffer Buffer, long Offset) Whole(PlannedParameter parameter) => parameter.Offset >= _plan.SharedOffset
        ? (_shared, parameter.Offset - _plan.SharedOffset)
        : (_whole ?? throw new ShardingException(
            $"'{parameter.Name}' is in pieces at stage 3: call GatherWholeParameters on every rank before asking for its whole value."), parameter.Offset);

    /// <summary>Puts this rank's piece of a bucket of gathered parameters into the bucket and gets the others. Collective.</summary>
    public void Gather(ICommunicator ranks, in Bucket bucket, Span<float> target)
    {
        var piece = (int)bucket.PieceLength;
        _shard!.Span<float>(bucket.ShardOffset, piece).CopyTo(target[(_rank * piece)..]);
        ranks.Label("parameters", bucket.Index);
        ranks.AllGather(target);
        ranks.Label(null);
    }

    /// <summary>Makes every parameter whole. Collective.</summary>
    /// <param name="ranks">The ranks.</param>
    /// <param name="keep">False: this rank only takes part, and keeps nothing.</param>
    public void GatherWhole(ICommunicator ranks, bool keep)
    {
        if (_shard is null)
        {
            return;
        }

        ReleaseWhole();
        _whole = keep ? new AlignedBuffer(_plan.SharedOffset * sizeof(float)) : null;
        using var passing = keep ? null : new AlignedBuffer(_plan.Buckets.Max(bucket => bucket.Length) * sizeof(float));
        foreach (var bucket in _plan.Buckets.Where(bucket => bucket.Offset < _plan.SharedOffset))
        {
            Gather(ranks, bucket, (_whole ?? passing)!.Span<float>(keep ? bucket.Offset : 0, (int)bucket.Length));
        }
    }

    /// <summary>Frees what <see cref="GatherWhole"/> made.</summary>
    public void ReleaseWhole()
    {
        _whole?.Dispose();
        _whole = null;
    }

    public void Dispose()
    {
        ReleaseWhole();
        _shard?.Dispose();
        _shared.Dispose();
    }
}
