using System.Runtime.InteropServices;
using OrtZero.Mpi;

namespace OrtZero.Sharding.Internal;

/// <summary>
/// A float64 number for every block of 256 elements, added up per tensor in block order. Whoever owns a block computes its number,
/// so no step depends on the world size and neither does a sum.
/// </summary>
internal sealed class BlockSums
{
    private readonly PartitionPlan _plan;
    private readonly ICommunicator? _communicator;
    private readonly ShardRange[] _ranges;
    private readonly double[] _own;
    private readonly double[] _all;

    /// <param name="plan">The layout.</param>
    /// <param name="communicator">The ranks that each fill in their own shard, or null when this rank fills in everything.</param>
    /// <param name="ranges">What this rank fills in.</param>
    public BlockSums(PartitionPlan plan, ICommunicator? communicator, ShardRange[] ranges)
    {
        _plan = plan;
        _communicator = communicator;
        _ranges = ranges;
        _own = new double[checked((int)((communicator is null ? plan.TotalElements : plan.ShardElements) / PartitionPlan.BlockElements))];
        _all = communicator is null or { Size: 1 } ? _own : new double[checked(_own.Length * communicator.Size)];
    }

    /// <summary>The numbers of the blocks of a range, by its index among those given.</summary>
    public Span<double> Own(int range)
    {
        ref readonly var own = ref _ranges[range];
        return _own.AsSpan((int)(own.ShardOffset / PartitionPlan.BlockElements), Blocks(own.Length));
    }

    /// <summary>Fetches the other ranks' numbers. Collective unless this rank filled in everything.</summary>
    public void Gather()
    {
        if (_all != _own)
        {
            _communicator!.AllGather(MemoryMarshal.AsBytes(_own.AsSpan()), MemoryMarshal.AsBytes(_all.AsSpan()));
        }
    }

    /// <summary>The sum over a tensor.</summary>
    public double Of(int parameter)
    {
        var planned = _plan.Parameters[parameter];
        var sum = 0.0;
        var position = planned.Offset;
        var end = planned.Offset + planned.Length;
        while (position < end)
        {
            var stop = end;
            var first = position / PartitionPlan.BlockElements;
            if (_communicator is not null)
            {
                var bucket = _plan.Buckets[_plan.BucketAt(position)];
                var rank = (position - bucket.Offset) / bucket.PieceLength;
                var pieceStart = bucket.PieceOffset((int)rank);
                stop = Math.Min(end, pieceStart + bucket.PieceLength);
                first = (rank * _own.Length) + ((bucket.ShardOffset + position - pieceStart) / PartitionPlan.BlockElements);
            }

            for (var block = first; block < first + Blocks(stop - position); block++)
            {
                sum += _all[block];
            }

            position = stop;
        }

        return sum;
    }

    private static int Blocks(long elements) => (int)((elements + PartitionPlan.BlockElements - 1) / PartitionPlan.BlockElements);
}
