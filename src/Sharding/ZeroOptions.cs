using OrtZero.Mpi;

namespace OrtZero.Sharding;

/// <summary>How model states are divided among ranks; the names are DeepSpeed's (section <c>zero_optimization</c>).</summary>
public sealed record ZeroOptions
{
    /// <summary>The default of <see cref="ReduceBucketSize"/>.</summary>
    public const long DefaultReduceBucketSize = 5_000_000;

    /// <summary>0: every rank holds everything and gradients are all-reduced. 1: each rank holds the optimizer state of its own
    /// shard, gradients are reduce-scattered and updated parameters all-gathered. 2: each rank also keeps the gradients of its own
    /// shard alone. 3: and the parameters, which are gathered when a run needs them. Default 1.</summary>
    public int Stage { get; init; } = 1;

    /// <summary>The number of elements in a bucket, what one collective reduces or gathers. Default 5 million (20 MB).</summary>
    public long ReduceBucketSize { get; init; } = DefaultReduceBucketSize;

    /// <summary>The most elements, of all ranks together, in one collective that gathers updated parameters. Smaller ones leave room on the
    /// wire for others, larger ones cost less each; the values are the same. More than a bucket is a bucket. Default: no limit but that.</summary>
    public long AllGatherBucketSize { get; init; } = long.MaxValue;

    /// <summary>Reduces full buckets on a communication thread while the backward pass goes on. Default true; without effect in a
    /// single process.</summary>
    public bool OverlapComm { get; init; } = true;

    /// <summary>At stage 3, parameters with fewer elements stay whole on every rank. Default 100,000.</summary>
    public long PersistenceThreshold { get; init; } = 100_000;

    /// <summary>At stage 3, how many elements are gathered before they are needed; 0 gathers each parameter when its turn has come.
    /// Without effect when <see cref="OverlapComm"/> is false. Default 5 million.</summary>
    public long PrefetchElements { get; init; } = DefaultReduceBucketSize;

    /// <summary>At stage 3, a gathered parameter is kept until its next use if no more than so many elements of others are gathered in
    /// between. Default 0.</summary>
    public long MaxReuseDistance { get; init; }

    /// <summary>At stage 3, the most elements of gathered parameters that are whole at a time: gathered ahead, in use, or kept for their next
    /// use. What a single node reads is gathered all the same. Default: no limit.</summary>
    public long MaxLiveElements { get; init; } = long.MaxValue;

    /// <summary>A folder in which every rank keeps the optimizer's element-wise state in a file; only <see cref="OffloadBuffers"/> of
    /// <see cref="OffloadBufferElements"/> each are in memory. Null: the state is in memory. Default null.</summary>
    public string? OptimizerStateFolder { get; init; }

    /// <summary>At stage 3, a folder in which every rank keeps its shard of the gathered parameters in a file. Null: it is in memory. Default
    /// null.</summary>
    public string? ParameterFolder { get; init; }

    /// <summary>How many stretches of what is in files may be in memory while an update passes over it: one that is worked on, others that
    /// are read ahead or written back. Default 4.</summary>
    public int OffloadBuffers { get; init; } = 4;

    /// <summary>How many parameters a stretch is of, with all their states. Default 1 million.</summary>
    public long OffloadBufferElements { get; init; } = 1_000_000;

    /// <summary>How gradients travel between ranks at every stage. Updated parameters always travel as they are. Default float32.</summary>
    public WireFormat Wire { get; init; }

    /// <summary>Sums the gradients of an update's micro-batches in one fixed tree over their index (step * world size + rank), so
    /// that the result is the same to the last bit for any world size that is a power of two. Default false.</summary>
    public bool Deterministic { get; init; }

    /// <summary>Whether anything is kept in files.</summary>
    internal bool IsOffloaded => OptimizerStateFolder is not null || ParameterFolder is not null;

    /// <summary>Elements gathered before they are needed; null: on the thread that needs them.</summary>
    internal long? Ahead => OverlapComm ? Math.Min(PrefetchElements, MaxLiveElements) : null;
}
