using OrtZero.Training.Internal;

namespace OrtZero.Training;

/// <summary>
/// The <c>zero_optimization</c> section with DeepSpeed's names. The keys from <see cref="ContiguousGradients"/> on are
/// accepted so that DeepSpeed's sections can be pasted; each says what happens here instead.
/// </summary>
public sealed record ZeroOptimizationSection
{
    /// <summary>
    /// What is cut into one shard per rank: 0 nothing, 1 optimizer state, 2 gradients too, 3 parameters too.
    /// Default: 0.
    /// </summary>
    [Limits(AtLeast = 0, AtMost = 3)]
    public int Stage { get; init; }

    /// <summary>
    /// Whether gradients are reduced while the backward pass goes on. Default: true (DeepSpeed's is true at stage 3 alone).
    /// </summary>
    public bool OverlapComm { get; init; } = true;

    /// <summary>Elements reduced, and gathered, at once. Default: 5e6 (20 MB of float32).</summary>
    [Limits(AtLeast = 1)]
    public long ReduceBucketSize { get; init; } = 5_000_000;

    /// <summary>
    /// What gradients travel between ranks as: "fp32", "fp16" or "bf16"; the 16-bit types halve the bytes of the reduction and round
    /// what is sent once, sums are formed in float32. Not with randomness.deterministic. Default: "fp32".
    /// </summary>
    public CommunicationType CommunicationDataType { get; init; }

    /// <summary>
    /// Seconds that a rank waits for others in one operation before the run ends with a report of where every rank is.
    /// Default: 1800.
    /// </summary>
    [Limits(AtLeast = 1)]
    public double CollectiveTimeoutSeconds { get; init; } = 1800;

    /// <summary>Where optimizer state is kept. Default: with the rank that owns it.</summary>
    public OffloadSection OffloadOptimizer { get; init; } = new();

    /// <summary>Where parameters are kept (stage 3 only). Default: with the ranks that own them.</summary>
    public OffloadSection OffloadParam { get; init; } = new();

    /// <summary>No effect: gradients always lie in one contiguous buffer. Null: not written.</summary>
    public bool? ContiguousGradients { get; init; }

    /// <summary>The most elements in one all-gather of updated parameters, of all ranks together. Default: reduce_bucket_size, which it cannot exceed.</summary>
    [Limits(AtLeast = 1)]
    public long? AllgatherBucketSize { get; init; }

    /// <summary>No effect: from stage 1 gradients are always reduce-scattered. Null: not written.</summary>
    public bool? ReduceScatter { get; init; }

    /// <summary>No effect: updated parameters always come back by all-gather. Null: not written.</summary>
    public bool? AllgatherPartitions { get; init; }

    /// <summary>No effect: parameters are always float32 masters. Null: not written.</summary>
    public bool? LoadFromFp32Weights { get; init; }

    /// <summary>No effect: the order in which gradients are reduced is fixed. Null: not written.</summary>
    public bool? RoundRobinGradients { get; init; }

    /// <summary>No effect: a parameter without gradient is reported before training. Null: not written.</summary>
    public bool? IgnoreUnusedParameters { get; init; }

    /// <summary>No effect: a shard is updated as a whole. Null: not written.</summary>
    [Limits(AtLeast = 1)]
    public long? SubGroupSize { get; init; }

    /// <summary>Elements fetched ahead at stage 3; no effect below it. Default: 5e6 (DeepSpeed's is 5e7).</summary>
    [Limits(AtLeast = 0)]
    public long Stage3PrefetchBucketSize { get; init; } = 5_000_000;

    /// <summary>Parameters with fewer elements are not cut at stage 3; no effect below it. Default: 1e5.</summary>
    [Limits(AtLeast = 0)]
    public long Stage3ParamPersistenceThreshold { get; init; } = 100_000;

    /// <summary>
    /// At stage 3 no more elements than this are whole at a time, fetched ahead, in use or kept for their next use; what a single node
    /// reads is fetched all the same. No effect below stage 3. Default: 1e9.
    /// </summary>
    [Limits(AtLeast = 1)]
    public long Stage3MaxLiveParameters { get; init; } = 1_000_000_000;

    /// <summary>
    /// At stage 3 a parameter is kept for its next use if no more elements than this are fetched in between; no effect below it.
    /// Default: 0 (DeepSpeed's is 1e9, which keeps every parameter of a smaller model from the forward to the backward pass).
    /// </summary>
    [Limits(AtLeast = 0)]
    public long Stage3MaxReuseDistance { get; init; }
}
