using System.Runtime.InteropServices;
using OrtZero.Mpi;

namespace OrtZero.Training.Internal;

/// <summary>
/// What the summed gradients of an update are divided by, once: the number of its micro-batches on all ranks, or with a global
/// normalization what all of them count.
/// </summary>
internal sealed class GradientDivisor
{
    private readonly ICommunicator _communicator;
    private readonly bool _isDone;
    private readonly double[]? _own;
    private readonly double[] _all = [];

    internal GradientDivisor(TrainingConfiguration configuration, ICommunicator communicator)
    {
        _communicator = communicator;
        var isGlobal = configuration.Model.Loss.Any(loss => loss.Normalize == LossNormalization.Global);
        _isDone = isGlobal && configuration.Model.Loss.Count > 1;
        if (isGlobal && !_isDone)
        {
            _own = new double[configuration.OptimWrapper.AccumulativeCounts];
            _all = new double[_own.Length * communicator.Size];
        }
    }

    /// <summary>Notes a micro-batch.</summary>
    /// <param name="position">Its place in the update on this rank.</param>
    /// <param name="loss">Its loss.</param>
    internal void Add(int position, MicroBatchLoss loss)
    {
        if (_own is not null)
        {
            _own[position] = loss.Count;
        }
    }

    /// <summary>
    /// The divisor of an update. Counts are added in the order of micro-batches, step by step and within a step by rank, so that sums of
    /// class weights do not depend on which rank ran which. Collective with a global normalization.
    /// </summary>
    /// <param name="microBatches">Micro-batches of the update on each rank.</param>
    internal double Of(int microBatches)
    {
        if (_isDone)
        {
            // Each of several losses was divided in the graph, by its own number (LossDivisors).
            return 1;
        }

        if (_own is null)
        {
            return (double)microBatches * _communicator.Size;
        }

        _communicator.AllGather(MemoryMarshal.AsBytes(_own.AsSpan()), MemoryMarshal.AsBytes(_all.AsSpan()));
        var total = 0.0;
        for (var step = 0; step < microBatches; step++)
        {
            for (var rank = 0; rank < _communicator.Size; rank++)
            {
                total += _all[(rank * _own.Length) + step];
            }
        }

        // Without a label that counts, every gradient is zero, whatever it is divided by.
        return total > 0 ? total : 1;
    }
}
