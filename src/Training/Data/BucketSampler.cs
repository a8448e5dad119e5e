namespace OrtZero.Training;

/// <summary>
/// Which samples a rank sees in which iteration where the samples have several lengths, each a bucket of its own. All micro-batches of
/// an update come from one bucket, on all ranks and through its accumulation, so an update does not depend on how many ranks share it.
/// </summary>
/// <remarks>
/// A bucket's samples have the order that <see cref="BatchSampler"/> gives them. Its last update is filled up with the first samples of
/// that order, or dropped. Without shuffling the buckets come one after the other; with it the updates of all buckets change places,
/// by a permutation that (seed, epoch) decides. With one bucket this is <see cref="BatchSampler"/> itself.
/// </remarks>
public sealed class BucketSampler
{
    private const uint UpdatesStream = uint.MaxValue;

    private readonly BatchSampler[] _buckets;
    private readonly BatchSampler? _order;
    private readonly (int Bucket, int First)[] _updates = [];
    private readonly int[] _position = new int[1];
    private readonly int _group;

    /// <summary>Sets up the order.</summary>
    /// <param name="counts">Samples in each bucket.</param>
    /// <param name="worldSize">The number of ranks.</param>
    /// <param name="rank">This rank.</param>
    /// <param name="microBatchSize">Samples per rank and iteration.</param>
    /// <param name="shuffle">Whether every epoch has a new order.</param>
    /// <param name="seed">Decides the orders.</param>
    /// <param name="dropLast">Whether what the last samples do not fill is left out.</param>
    /// <param name="accumulativeCounts">Iterations of an update.</param>
    /// <exception cref="DataException">Nothing is left of a bucket when its last update is dropped.</exception>
    public BucketSampler(
        IReadOnlyList<int> counts, int worldSize, int rank, int microBatchSize, bool shuffle, long seed, bool dropLast, int accumulativeCounts)
    {
        ArgumentNullException.ThrowIfNull(counts);
        ArgumentOutOfRangeException.ThrowIfLessThan(counts.Count, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(accumulativeCounts, 1);
        var isOne = counts.Count == 1;
        _group = accumulativeCounts;
        _buckets = [.. counts.Select((count, bucket) => new BatchSampler(
            count, worldSize, rank, microBatchSize, shuffle, seed, dropLast, isOne ? 0 : (uint)bucket + 1, isOne ? 1 : accumulativeCounts))];
        IterationsPerEpoch = _buckets.Sum(bucket => bucket.IterationsPerEpoch);
        if (!isOne)
        {
            _updates = [.. _buckets.SelectMany((sampler, bucket) =>
                Enumerable.Range(0, sampler.IterationsPerEpoch / _group).Select(update => (bucket, update * _group)))];
            _order = new BatchSampler(_updates.Length, 1, 0, 1, shuffle, seed, stream: UpdatesStream);
        }
    }

    /// <summary>Iterations until the epoch's samples are used up.</summary>
    public int IterationsPerEpoch { get; }

    /// <summary>The samples of this rank's micro-batch.</summary>
    /// <param name="epoch">The epoch, from 0.</param>
    /// <param name="iteration">The iteration within the epoch, from 0.</param>
    /// <param name="samples">Receives as many positions in the bucket as a micro-batch has.</param>
    /// <returns>The bucket, the same on every rank.</returns>
    public int Indices(int epoch, int iteration, Span<int> samples)
    {
        if (_order is null)
        {
            _buckets[0].Indices(epoch, iteration, samples);
            return 0;
        }

        ArgumentOutOfRangeException.ThrowIfNegative(iteration);
        var (update, step) = Math.DivRem(iteration, _group);
        _order.Indices(epoch, update, _position);
        var (bucket, first) = _updates[_position[0]];
        _buckets[bucket].Indices(epoch, first + step, samples);
        return bucket;
    }
}
