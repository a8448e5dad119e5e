using System.Runtime.InteropServices;
using OrtZero.Kernels;
using OrtZero.Mpi;

namespace OrtZero.Sharding.Internal;

/// <summary>
/// The global L2 norm in float64: squares are summed per block of 256 elements by the rank that owns the block, the sums of all
/// ranks are gathered, and everybody adds them per tensor in block order and the tensors in parameter order. No step of that
/// depends on the world size, so neither does the result.
/// </summary>
internal sealed class GradientNorm
{
    private readonly PartitionPlan _plan;
    private readonly ICommunicator _communicator;
    private readonly ShardRange[] _owned;
    private readonly bool[] _counted;
    private readonly double[] _ownSums;
    private readonly double[] _allSums;

    /// <param name="plan">The layout.</param>
    /// <param name="communicator">The ranks.</param>
    /// <param name="counted">By parameter: whether it has a gradient.</param>
    public GradientNorm(PartitionPlan plan, ICommunicator communicator, bool[] counted)
    {
        _plan = plan;
        _communicator = communicator;
        _counted = counted;
        _owned = [.. _plan.RangesOf(_communicator.Rank).Where(range => _counted[range.Parameter])];
        _ownSums = new double[checked((int)(_plan.ShardElements / PartitionPlan.BlockElements))];
        _allSums = _communicator.Size == 1 ? _ownSums : new double[checked(_ownSums.Length * _communicator.Size)];
    }

    /// <summary>The sum of squares of everything in the reduced gradients. Collective.</summary>
    public double SumOfSquares(GradientReducer gradients)
    {
        foreach (ref readonly var range in _owned.AsSpan())
        {
            SumBlocks(gradients.Span(range.FlatOffset, range.Length), (int)(range.ShardOffset / PartitionPlan.BlockElements));
        }

        if (_communicator.Size > 1)
        {
            _communicator.AllGather(MemoryMarshal.AsBytes(_ownSums.AsSpan()), MemoryMarshal.AsBytes(_allSums.AsSpan()));
        }

        var total = 0.0;
        for (var parameter = 0; parameter < _counted.Length; parameter++)
        {
            total += _counted[parameter] ? SumOfParameter(_plan.Parameters[parameter]) : 0;
        }

        return total;
    }

    private void SumBlocks(ReadOnlySpan<float> values, int block)
    {
        // The end of a tensor's last block is padding and not summed: a collective may have used it as scratch space.
        for (var start = 0; start < values.Length; start += PartitionPlan.BlockElements)
        {
            _ownSums[block++] = VectorMath.SumOfSquares(
                values.Slice(start, Math.Min(PartitionPlan.BlockElements, values.Length - start)));
        }
    }

    private double SumOfParameter(PlannedParameter parameter)
    {
        var sum = 0.0;
        var position = parameter.Offset;
        var end = parameter.Offset + parameter.Length;
        while (position < end)
        {
            var bucket = _plan.Buckets[_plan.BucketAt(position)];
            var rank = (position - bucket.Offset) / bucket.PieceLength;
            var pieceStart = bucket.PieceOffset((int)rank);
            var stop = Math.Min(end, pieceStart + bucket.PieceLength);
            var first = (rank * _ownSums.Length) + ((bucket.ShardOffset + position - pieceStart) / PartitionPlan.BlockElements);
            var blocks = (stop - position + PartitionPlan.BlockElements - 1) / PartitionPlan.BlockElements;
            for (var block = first; block < first + blocks; block++)
            {
                sum += _allSums[block];
            }

            position = stop;
        }

        return sum;
    }
}
