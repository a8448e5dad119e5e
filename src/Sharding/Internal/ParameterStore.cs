using OrtZero.Mpi;
using OrtZero.Runtime;

namespace OrtZero.Sharding.Internal;

/// <summary>
/// Where parameters lie: below stage 3 in one flat buffer; at stage 3 this rank's shard of those that are gathered, and the small
/// ones whole.
/// </summary>
/// <remarks>At stage 3 the flat offsets of the plan stay the addresses; those of other ranks' pieces lead nowhere. There the shard may be in
/// a file, which gathers read and updates pass through buffers.</remarks>
internal sealed class ParameterStore : IDisposable
{
    private readonly PartitionPlan _plan;
    private readonly int _rank;
    private readonly AlignedBuffer _shared;
    private readonly AlignedBuffer? _shard;
    private readonly SpillFile? _file;
    private AlignedBuffer? _whole;
    private AlignedBuffer? _borrowed;

    /// <param name="plan">The layout.</param>
    /// <param name="rank">This rank.</param>
    /// <param name="folder">Where the file of the shard is to be; null to keep it in memory.</param>
    public ParameterStore(PartitionPlan plan, int rank, string? folder = null)
    {
        _plan = plan;
        _rank = rank;
        _shared = new AlignedBuffer(SharedElements(plan) * sizeof(float));
        if (plan.SharedOffset > 0 && folder is not null)
        {
            _file = new SpillFile(folder, $"The parameters of rank {rank}", "zero_optimization.offload_param", ShardElements(plan));
        }
        else if (plan.SharedOffset > 0)
        {
            _shard = new AlignedBuffer(ShardElements(plan) * sizeof(float));
        }
    }

    /// <summary>The bytes that are always there.</summary>
    public long ByteLength => _shared.ByteLength + (_shard?.ByteLength ?? 0);

    /// <summary>Whether the shard of the gathered parameters is in a file.</summary>
    public bool IsInFile => _file is not null;

    /// <summary>What has to be done before the file is changed from elsewhere than <see cref="WriteBack"/>.</summary>
    public Action? Changing { get; set; }

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

        return (_shard ?? throw new InvalidOperationException("The parameters are in a file: borrow them.")).Span<float>(ShardOffset(flatOffset), count);
    }

    /// <summary>How many elements to <see cref="Borrow"/> at a time: as many as there are where they lie in memory.</summary>
    public int Stretch(long flatOffset) => IsFiled(flatOffset) ? 1 << 20 : int.MaxValue;

    /// <summary>A stretch that this rank owns or that is whole on every rank, until the next one is borrowed; what is changed in it counts
    /// after <see cref="Return"/>.</summary>
    public Span<float> Borrow(long flatOffset, int count)
    {
        if (!IsFiled(flatOffset))
        {
            return Span(flatOffset, count);
        }

        if (_borrowed is null || _borrowed.ByteLength < (long)count * sizeof(float))
        {
            _borrowed?.Dispose();
            _borrowed = new AlignedBuffer((long)count * sizeof(float));
        }

        var values = _borrowed.Span<float>(0, count);
        Read(flatOffset, values);
        return values;
    }

    /// <summary>Puts back what was borrowed.</summary>
    public void Return(long flatOffset, ReadOnlySpan<float> values)
    {
        if (IsFiled(flatOffset))
        {
            Changing?.Invoke();
            WriteBack(flatOffset, values);
        }
    }

    /// <summary>Sets a stretch.</summary>
    public void Write(long flatOffset, ReadOnlySpan<float> values)
    {
        if (IsFiled(flatOffset))
        {
            Return(flatOffset, values);
        }
        else
        {
            values.CopyTo(Span(flatOffset, values.Length));
        }
    }

    /// <summary>Reads a stretch of the file.</summary>
    public void Read(long flatOffset, Span<float> target) => _file!.Read(ShardOffset(flatOffset), target);

    /// <summary>Writes a stretch of the file, for who knows what else holds it.</summary>
    public void WriteBack(long flatOffset, ReadOnlySpan<float> values) => _file!.Write(ShardOffset(flatOffset), values);

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
        var own = target.Slice(_rank * piece, piece);
        if (_file is not null)
        {
            _file.Read(bucket.ShardOffset, own);
        }
        else
        {
            _shard!.Span<float>(bucket.ShardOffset, piece).CopyTo(own);
        }

        ranks.Label("parameters", bucket.Index);
        ranks.AllGather(target);
        ranks.Label(null);
    }

    /// <summary>Makes every parameter whole. Collective.</summary>
    /// <param name="ranks">The ranks.</param>
    /// <param name="keep">False: this rank only takes part, and keeps nothing.</param>
    public void GatherWhole(ICommunicator ranks, bool keep)
    {
        if (_plan.SharedOffset == 0)
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
        _borrowed?.Dispose();
        _file?.Dispose();
        _shard?.Dispose();
        _shared.Dispose();
    }

    private bool IsFiled(long flatOffset) => _file is not null && flatOffset < _plan.SharedOffset;

    private long ShardOffset(long flatOffset)
    {
        var bucket = _plan.Buckets[_plan.BucketAt(flatOffset)];
        return bucket.ShardOffset + flatOffset - bucket.PieceOffset(_rank);
    }
}
