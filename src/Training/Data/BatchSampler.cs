using OrtZero.Training.Internal;

namespace OrtZero.Training;

/// <summary>
/// Which samples a rank sees in which iteration. Iteration k of a job with N ranks and micro-batch size B covers the positions
/// k*N*B up to (k+1)*N*B of the epoch's order, rank r the r-th block of B.
/// </summary>
/// <remarks>
/// <para>
/// Shuffled, the order of epoch e is a Fisher-Yates permutation: for i from count-1 down to 1, sample i changes places with
/// sample floor(u * (i+1) / 2^64), where u is the low 64 bits of Philox4x32-10 with the seed as key and the counter (i, e).
/// It depends on nothing else, so any number of ranks and any resumed run go through the same order.
/// </para>
/// <para>
/// The last iteration of an epoch that the samples do not fill goes on with the first samples of the same order, as MMEngine's
/// DefaultSampler with round_up does, unless it is dropped.
/// </para>
/// </remarks>
public sealed class BatchSampler
{
    private readonly int _count;
    private readonly int _worldSize;
    private readonly int _rank;
    private readonly long _seed;
    private readonly uint _stream;
    private readonly int[]? _order;
    private int _orderEpoch = -1;

    /// <summary>Sets up the order.</summary>
    /// <param name="count">Samples in the data set.</param>
    /// <param name="worldSize">The number of ranks.</param>
    /// <param name="rank">This rank.</param>
    /// <param name="microBatchSize">Samples per rank and iteration.</param>
    /// <param name="shuffle">Whether every epoch has a new order.</param>
    /// <param name="seed">Decides the orders.</param>
    /// <param name="dropLast">Whether an iteration that the last samples do not fill is left out.</param>
    /// <param name="stream">Which of several independent orders under one seed.</param>
    /// <param name="group">Iterations that are filled up or dropped together.</param>
    /// <exception cref="DataException">Nothing is left when the last iteration is dropped.</exception>
    public BatchSampler(int count, int worldSize, int rank, int microBatchSize, bool shuffle, long seed, bool dropLast = false, uint stream = 0, int group = 1)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(count, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(worldSize, 1);
        ArgumentOutOfRangeException.ThrowIfNegative(rank);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(rank, worldSize);
        ArgumentOutOfRangeException.ThrowIfLessThan(microBatchSize, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(group, 1);
        _stream = stream;
        (_count, _worldSize, _rank, MicroBatchSize, _seed) = (count, worldSize, rank, microBatchSize, seed);
        _order = shuffle ? new int[count] : null;
        var perGroup = (long)worldSize * microBatchSize * group;
        IterationsPerEpoch = (int)((count + (dropLast ? 0 : perGroup - 1)) / perGroup) * group;
        if (IterationsPerEpoch == 0)
        {
            throw new DataException(
                $"{count} samples do not fill one {(group == 1 ? "iteration" : "update")} of {worldSize} ranks x micro_batch_size {microBatchSize}{(group == 1 ? "" : $" x accumulative_counts {group}")}, and drop_last leaves it out; set drop_last to false or micro_batch_size to at most {Math.Max(1, count / worldSize / group)}.");
        }
    }

    /// <summary>Iterations until the epoch's samples are used up.</summary>
    public int IterationsPerEpoch { get; }

    /// <summary>Samples per rank and iteration.</summary>
    public int MicroBatchSize { get; }

    /// <summary>Samples of all ranks together in one iteration.</summary>
    public int SamplesPerIteration => _worldSize * MicroBatchSize;

    /// <summary>The samples of this rank's micro-batch.</summary>
    /// <param name="epoch">The epoch, from 0.</param>
    /// <param name="iteration">The iteration within the epoch, from 0.</param>
    /// <param name="samples">Receives as many positions in the data set as a micro-batch has.</param>
    /// <returns>
    /// How many of them, counted from the first, are not repeats that fill up the last iteration: what validation counts.
    /// </returns>
    public int Indices(int epoch, int iteration, Span<int> samples)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(epoch);
        ArgumentOutOfRangeException.ThrowIfNegative(iteration);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(iteration, IterationsPerEpoch);
        ArgumentOutOfRangeException.ThrowIfNotEqual(samples.Length, MicroBatchSize);
        if (_order is not null && _orderEpoch != epoch)
        {
            Shuffle(epoch);
        }

        var first = (((long)iteration * _worldSize) + _rank) * MicroBatchSize;
        for (var index = 0; index < samples.Length; index++)
        {
            var position = (int)((first + index) % _count);
            samples[index] = _order is null ? position : _order[position];
        }

        return (int)Math.Clamp(_count - first, 0, MicroBatchSize);
    }

    private void Shuffle(int epoch)
    {
        var order = _order!;
        for (var index = 0; index < order.Length; index++)
        {
            order[index] = index;
        }

        for (var index = order.Length - 1; index > 0; index--)
        {
            var other = (int)Math.BigMul(Philox.Draw((ulong)_seed, ((ulong)_stream << 32) | (uint)epoch, (ulong)index), (ulong)(index + 1), out _);
            (order[index], order[other]) = (order[other], order[index]);
        }

        _orderEpoch = epoch;
    }
}
