using System.Diagnostics;
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
    private readonly ShardRange[] _owned;
    private readonly bool[] _counted;
    private readonly BlockSums _sums;
    private readonly ICommunicator _communicator;
    private readonly double[] _squares;

    /// <param name="plan">The layout.</param>
    /// <param name="communicator">The ranks.</param>
    /// <param name="counted">By parameter: whether it has a gradient.</param>
    public GradientNorm(PartitionPlan plan, ICommunicator communicator, bool[] counted)
    {
        _counted = counted;
        _communicator = communicator;
        _squares = new double[counted.Length];
        _owned = [.. plan.RangesOf(communicator.Rank).Where(range => counted[range.Parameter])];
        _sums = new BlockSums(plan, communicator, _owned);
    }

    /// <summary>The sum of squares of everything in the reduced gradients. Collective.</summary>
    public double SumOfSquares(GradientReducer gradients, StepTrace? trace = null)
    {
        for (var index = 0; index < _owned.Length; index++)
        {
            SumBlocks(gradients.Span(_owned[index].FlatOffset, _owned[index].Length), _sums.Own(index));
        }

        var started = Stopwatch.GetTimestamp();
        _communicator.Label("gradient norm");
        _sums.Gather();
        _communicator.Label(null);
        if (_communicator.Size > 1)
        {
            trace?.Add(TraceActivity.Norm, started);
            trace?.Add(TraceActivity.Wait, started);
        }

        var total = 0.0;
        for (var parameter = 0; parameter < _counted.Length; parameter++)
        {
            _squares[parameter] = _counted[parameter] ? _sums.Of(parameter) : 0;
            total += _squares[parameter];
        }

        return total;
    }

    /// <summary>The sum of squares of one parameter's gradient, as the last <see cref="SumOfSquares"/> found it.</summary>
    public double SquaresOf(int parameter) => _squares[parameter];

    private static void SumBlocks(ReadOnlySpan<float> values, Span<double> sums)
    {
        // The end of a tensor's last block is padding and not summed: a collective may have used it as scratch space.
        for (var block = 0; block < sums.Length; block++)
        {
            var start = block * PartitionPlan.BlockElements;
            sums[block] = VectorMath.SumOfSquares(values.Slice(start, Math.Min(PartitionPlan.BlockElements, values.Length - start)));
        }
    }
}
