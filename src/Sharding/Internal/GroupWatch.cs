using OrtZero.Kernels;
using OrtZero.Mpi;
using OrtZero.Runtime;

namespace OrtZero.Sharding.Internal;

/// <summary>
/// Measures what an update does to every group, range by range as the optimizer goes over them. Squares are summed per block of 256
/// elements by whoever updates the block and added up per tensor and group in one order, so no number depends on how ranges are cut.
/// </summary>
internal sealed class GroupWatch : IDisposable
{
    private readonly ICommunicator? _communicator;
    private readonly GradientNorm _norm;
    private readonly bool[] _trained;
    private readonly int[] _groupOf;
    private readonly BlockSums _weights;
    private readonly BlockSums _updates;
    private readonly long[] _zeros;
    private readonly long[] _elements;
    private readonly double[] _squares;
    private readonly ShardedOptimizer _optimizer;
    private readonly AlignedBuffer _before;
    private readonly long[] _beforeOffsets;
    private readonly int[] _ahead;
    private readonly GroupMeasurement[] _measurements;

    /// <param name="plan">The layout.</param>
    /// <param name="groups">The groups.</param>
    /// <param name="optimizer">Whose ranges are watched.</param>
    /// <param name="norm">Has the gradients' sums of squares.</param>
    /// <param name="trained">By parameter.</param>
    public GroupWatch(PartitionPlan plan, ParameterGroupTable groups, ShardedOptimizer optimizer, GradientNorm norm, bool[] trained)
    {
        _optimizer = optimizer;
        _communicator = optimizer.RangeOwners;
        _norm = norm;
        _trained = trained;
        _groupOf = [.. plan.Parameters.Select(parameter => groups.GroupOf(parameter.Name))];
        _weights = optimizer.CreateSums();
        _updates = optimizer.CreateSums();
        _zeros = new long[groups.Groups.Count];
        _elements = new long[_zeros.Length];
        _squares = new double[3 * _zeros.Length];
        _measurements = new GroupMeasurement[_zeros.Length];
        (_beforeOffsets, _ahead, var elements) = Arrange(optimizer);
        _before = new AlignedBuffer(elements * sizeof(float));
        for (var parameter = 0; parameter < trained.Length; parameter++)
        {
            if (trained[parameter])
            {
                _elements[_groupOf[parameter]] += plan.Parameters[parameter].Length;
            }
        }
    }

    public IReadOnlyList<GroupMeasurement> Measurements => _measurements;

    public long ByteLength => _before.ByteLength;

    /// <summary>An update that is measured begins; the optimizer has not prepared it yet.</summary>
    public void Begin()
    {
        Array.Clear(_zeros);
        foreach (var index in _ahead)
        {
            var weights = _optimizer.WeightsOf(index);
            weights.CopyTo(BeforeOf(index, weights.Length));
        }
    }

    /// <summary>The optimizer is about to update a range.</summary>
    public void Before(int index, in RangeContext range)
    {
        var before = BeforeOf(index, range.Weights.Length);
        if (_beforeOffsets[index] == 0)
        {
            range.Weights.CopyTo(before);
        }

        _zeros[_groupOf[range.Parameter]] += VectorMath.CountZeros(range.Gradients);
        var sums = _weights.Own(index);
        for (var block = 0; block < sums.Length; block++)
        {
            sums[block] = VectorMath.SumOfSquares(Block(before, block));
        }
    }

    /// <summary>The optimizer has updated a range.</summary>
    public void After(int index, in RangeContext range)
    {
        ReadOnlySpan<float> before = BeforeOf(index, range.Weights.Length);
        var sums = _updates.Own(index);
        for (var block = 0; block < sums.Length; block++)
        {
            sums[block] = VectorMath.SumOfSquaredDifferences(Block(range.Weights, block), Block(before, block));
        }
    }

    /// <summary>Puts the ranks' numbers together. Collective.</summary>
    /// <param name="divisor">What gradients are divided by.</param>
    public void Complete(double divisor)
    {
        _communicator?.Label("watch");
        _communicator?.AllReduce(_zeros.AsSpan(), ReduceOperation.Sum);
        _weights.Gather();
        _updates.Gather();
        _communicator?.Label(null);
        Fill(divisor, isSkipped: false);
    }

    /// <summary>The update is skipped: only gradients are known, which every rank has the sums of.</summary>
    public void Skip(double divisor) => Fill(divisor, isSkipped: true);

    public void Dispose() => _before.Dispose();

    private Span<float> BeforeOf(int index, int length) => _before.Span<float>(_beforeOffsets[index], length);

    // Ranges take turns in the first part of the buffer; those that all move before the first is updated have a part each.
    private static (long[] Offsets, int[] Ahead, long Elements) Arrange(ShardedOptimizer optimizer)
    {
        var offsets = new long[optimizer.Ranges.Count];
        var ahead = Enumerable.Range(0, offsets.Length).Where(optimizer.MovesAhead).ToArray();
        var end = (long)optimizer.Ranges.Where((_, index) => !optimizer.MovesAhead(index)).Select(range => range.Length).DefaultIfEmpty().Max();
        end = Math.Max(1, end);
        foreach (var index in ahead)
        {
            offsets[index] = end;
            end += optimizer.Ranges[index].Length;
        }

        return (offsets, ahead, end);
    }

    private static ReadOnlySpan<float> Block(ReadOnlySpan<float> values, int block)
    {
        var start = block * PartitionPlan.BlockElements;
        return values.Slice(start, Math.Min(PartitionPlan.BlockElements, values.Length - start));
    }

    private void Fill(double divisor, bool isSkipped)
    {
        Array.Clear(_squares);
        for (var parameter = 0; parameter < _trained.Length; parameter++)
        {
            if (_trained[parameter])
            {
                var sums = _squares.AsSpan(3 * _groupOf[parameter], 3);
                sums[0] += _norm.SquaresOf(parameter);
                sums[1] += isSkipped ? double.NaN : _weights.Of(parameter);
                sums[2] += isSkipped ? double.NaN : _updates.Of(parameter);
            }
        }

        for (var group = 0; group < _measurements.Length; group++)
        {
            _measurements[group] = new GroupMeasurement
            {
                Elements = _elements[group],
                Zeros = _zeros[group],
                GradientNorm = Math.Sqrt(_squares[3 * group]) / divisor,
                ParameterNorm = Math.Sqrt(_squares[(3 * group) + 1]),
                UpdateNorm = Math.Sqrt(_squares[(3 * group) + 2]),
            };
        }
    }
}
