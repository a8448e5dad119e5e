using OrtZero.Training.Internal;

namespace OrtZero.Training;

/// <summary>The <c>randomness</c> section.</summary>
public sealed record RandomnessSection
{
    /// <summary>Decides the order of samples and everything else that is drawn. Default: 0.</summary>
    [Limits(AtLeast = 0)]
    public long Seed { get; init; }

    /// <summary>
    /// Whether the weights must come out the same to the last bit for any number of ranks that is a power of two, as long as ranks x
    /// accumulative_counts x micro_batch_size is the same, at any stage and for any number of threads. Schedules step with every
    /// iteration of a rank, so only a constant rate is the same for any number of ranks. The training graph then runs on one thread
    /// per rank. Default: false, the weights are the same only for the same number of ranks and threads.
    /// </summary>
    public bool Deterministic { get; init; }
}
