using OrtZero.Kernels;
using OrtZero.Mpi;

namespace OrtZero.Sharding.Internal;

/// <summary>
/// Adafactor (Shazeer and Stern 2018) as torch.optim.Adafactor: the second moment of a tensor with two or more axes is kept as the
/// mean of every row and every column, that of the others in full; the step is relative to the size of the weights, and the
/// direction is clipped to a root mean square of d.
/// </summary>
/// <remarks>
/// Rows and columns lie on several ranks. Each rank adds up the squares of its own elements as whole numbers of a unit that all
/// ranks agree on, so the sums are exact and the same at any world size; what travels is one number per row and column.
/// </remarks>
internal sealed class AdafactorOptimizer : Optimizer
{
    private const int Block = PartitionPlan.BlockElements;
    private static readonly string[] s_states = ["variance"];
    private readonly PartitionPlan _plan;
    private readonly OptimizerSettings _options;
    private readonly Factored?[] _factored;
    private readonly TensorState[] _tensorStates;
    private readonly double[] _steps;
    private readonly float[] _maxima;
    private readonly double[] _units;
    private readonly long[] _sums;

    public AdafactorOptimizer(OptimizerSettings options, PartitionPlan plan)
    {
        _options = options;
        _plan = plan;
        _steps = new double[plan.Parameters.Count];
        _factored = new Factored?[plan.Parameters.Count];
        var states = new List<TensorState>();
        var offset = 0;
        for (var parameter = 0; parameter < _factored.Length; parameter++)
        {
            if (IsFactored(plan.Parameters[parameter].Shape))
            {
                var shape = plan.Parameters[parameter].Shape;
                var factored = new Factored(plan.Parameters[parameter].Length, shape[^2], shape[^1], offset);
                _factored[parameter] = factored;
                states.Add(new TensorState("row_var", parameter, factored.RowMoments));
                states.Add(new TensorState("col_var", parameter, factored.ColumnMoments));
                offset = checked(offset + factored.RowMoments.Length + factored.ColumnMoments.Length);
            }
        }

        _tensorStates = [.. states];
        _maxima = new float[offset];
        _units = new double[offset];
        _sums = new long[offset];
    }

    public override IReadOnlyList<string> StateNames => s_states;

    public override IReadOnlyList<TensorState> TensorStates => _tensorStates;

    public override long ByteLength => _tensorStates.Sum(state => state.Values.Length * (long)sizeof(float));

    public override bool HasState(int state, ParameterSettings settings) => !IsFactored(settings.Shape);

    public override void Prepare(OptimizerPass pass)
    {
        SumSquares(pass);
        Measure(pass);
        for (var parameter = 0; parameter < _steps.Length; parameter++)
        {
            if (pass.IsTrained(parameter) && _plan.Parameters[parameter].Length > 0)
            {
                // Root mean squares of weights and direction: the size of the step and how much to clip.
                var count = _plan.Parameters[parameter].Length;
                var size = Math.Max(_options.Epsilon2, Math.Sqrt(pass.FirstSums.Of(parameter) / count));
                var excess = Math.Max(1, Math.Sqrt(pass.SecondSums.Of(parameter) / count) / _options.ClipThreshold);
                _steps[parameter] = size / excess;
            }
        }
    }

    public override void Update(in RangeContext range)
    {
        var step = Math.Min(range.LearningRate, 1 / Math.Sqrt(range.Update)) * _steps[range.Parameter];
        var rule = new DecayedStepRule(1 - (range.LearningRate * range.WeightDecay), step);
        Span<float> direction = stackalloc float[Block];
        for (var start = 0; start < range.Weights.Length; start += Block)
        {
            var length = Math.Min(Block, range.Weights.Length - start);
            Direction(range, start, direction[..length]);
            ElementwiseKernel.Run(rule, range.Weights.Slice(start, length), direction[..length]);
        }
    }

    private double Rate(long update) => Math.Pow(update, _options.Beta2Decay);

    private static bool IsFactored(long[] shape) => shape.Length >= 2 && shape.All(length => length > 0);

    // Row and column sums of squares, exact whatever the order, and the moving means of both.
    private void SumSquares(OptimizerPass pass)
    {
        if (_sums.Length == 0)
        {
            return;
        }

        _maxima.AsSpan().Clear();
        _sums.AsSpan().Clear();
        for (var index = 0; index < pass.Count; index++)
        {
            VisitRows(pass[index], raise: true);
        }

        Combine(pass, _maxima, ReduceOperation.Max);
        foreach (var factored in _factored)
        {
            factored?.SetUnits(_maxima, _units);
        }

        for (var index = 0; index < pass.Count; index++)
        {
            VisitRows(pass[index], raise: false);
        }

        if (pass.Sharded && pass.Communicator.Size > 1)
        {
            pass.Communicator.AllReduce(_sums.AsSpan(), ReduceOperation.Sum);
        }

        for (var parameter = 0; parameter < _factored.Length; parameter++)
        {
            if (pass.IsTrained(parameter))
            {
                _factored[parameter]?.Average(_units, _sums, Rate(pass.UpdateOf(parameter)), _options.EffectiveEpsilon1);
            }
        }
    }

    private static void Combine(OptimizerPass pass, float[] values, ReduceOperation operation)
    {
        if (pass.Sharded && pass.Communicator.Size > 1)
        {
            pass.Communicator.AllReduce(values.AsSpan(), operation);
        }
    }

    private void VisitRows(in RangeContext range, bool raise)
    {
        if (_factored[range.Parameter] is not { } factored)
        {
            return;
        }

        for (var done = 0; done < range.Gradients.Length;)
        {
            var (row, column, first, length) = factored.At(range.Start + done, range.Gradients.Length - done);
            var gradients = range.Gradients.Slice(done, length);
            if (raise)
            {
                var columns = _maxima.AsSpan(factored.ColumnOffset + column + first, length);
                ref var largest = ref _maxima[factored.RowOffset + row];
                largest = Math.Max(largest, AdafactorKernel.RaiseMaxima(gradients, range.GradientScale, columns));
            }
            else
            {
                _sums[factored.RowOffset + row] += AdafactorKernel.AddSquares(
                    gradients,
                    range.GradientScale,
                    _units[factored.RowOffset + row],
                    _units.AsSpan(factored.ColumnOffset + column + first, length),
                    _sums.AsSpan(factored.ColumnOffset + column + first, length));
            }

            done += length;
        }
    }

    // Updates the moments that are kept in full, and sums the squares of weights and directions by block.
    private void Measure(OptimizerPass pass)
    {
        Span<float> direction = stackalloc float[Block];
        for (var index = 0; index < pass.Count; index++)
        {
            var range = pass[index];
            var weightSums = pass.FirstSums.Own(index);
            var directionSums = pass.SecondSums.Own(index);
            for (var block = 0; block < weightSums.Length; block++)
            {
                var start = block * Block;
                var length = Math.Min(Block, range.Weights.Length - start);
                if (_factored[range.Parameter] is null)
                {
                    AdafactorKernel.Average(range.Gradients.Slice(start, length), range.GradientScale, (float)Rate(range.Update), range.First.Slice(start, length));
                }

                Direction(range, start, direction[..length]);
                weightSums[block] = VectorMath.SumOfSquares(range.Weights.Slice(start, length));
                directionSums[block] = VectorMath.SumOfSquares(direction[..length]);
            }
        }

        pass.FirstSums.Gather();
        pass.SecondSums.Gather();
    }

    private void Direction(in RangeContext range, int start, Span<float> direction)
    {
        var floor = (float)(_options.EffectiveEpsilon1 * _options.EffectiveEpsilon1);
        if (_factored[range.Parameter] is not { } factored)
        {
            AdafactorKernel.Direction(
                range.Gradients.Slice(start, direction.Length), range.GradientScale, range.First.Slice(start, direction.Length), floor, direction);
            return;
        }

        for (var done = 0; done < direction.Length;)
        {
            var (row, column, first, length) = factored.At(range.Start + start + done, direction.Length - done);
            AdafactorKernel.FactoredDirection(
                range.Gradients.Slice(start + done, length),
                range.GradientScale,
                factored.RowFactors[row],
                factored.ColumnMoments.AsSpan(column + first, length),
                floor,
                direction.Slice(done, length));
            done += length;
        }
    }

    /// <summary>The moments of a tensor of matrices: its last two axes are rows and columns, any before them count matrices.</summary>
    private sealed class Factored(long elements, long rows, long columns, int offset)
    {
        private readonly int _rows = checked((int)rows);
        private readonly int _columns = checked((int)columns);

        public float[] RowMoments { get; } = new float[checked((int)(elements / columns))];

        public float[] ColumnMoments { get; } = new float[checked((int)(elements / rows))];

        /// <summary>Row moments divided by their mean: a row's factor of the second moment.</summary>
        public float[] RowFactors { get; } = new float[checked((int)(elements / columns))];

        public int RowOffset => offset;

        public int ColumnOffset => offset + RowMoments.Length;

        /// <summary>Where an element lies: its row among all, where its matrix's columns begin, its column, and how many elements up
        /// to a number follow in that row.</summary>
        public (int Row, int Columns, int First, int Length) At(long element, int limit)
        {
            var row = (int)(element / _columns);
            var first = (int)(element % _columns);
            return (row, row / _rows * _columns, first, Math.Min(limit, _columns - first));
        }

        public void SetUnits(float[] maxima, double[] units)
        {
            for (var index = 0; index < RowMoments.Length; index++)
            {
                units[RowOffset + index] = AdafactorKernel.SquaresPerUnit(maxima[RowOffset + index], _columns);
            }

            for (var index = 0; index < ColumnMoments.Length; index++)
            {
                units[ColumnOffset + index] = AdafactorKernel.SquaresPerUnit(maxima[ColumnOffset + index], _rows);
            }
        }

        public void Average(double[] units, long[] sums, double rate, double epsilon)
        {
            Mix(RowMoments, units.AsSpan(RowOffset, RowMoments.Length), sums.AsSpan(RowOffset, RowMoments.Length), _columns, rate);
            Mix(ColumnMoments, units.AsSpan(ColumnOffset, ColumnMoments.Length), sums.AsSpan(ColumnOffset, ColumnMoments.Length), _rows, rate);
            for (var start = 0; start < RowMoments.Length; start += _rows)
            {
                var mean = 0.0;
                for (var row = start; row < start + _rows; row++)
                {
                    mean += RowMoments[row];
                }

                mean = Math.Max(mean / _rows, epsilon);
                for (var row = start; row < start + _rows; row++)
                {
                    RowFactors[row] = (float)(RowMoments[row] / mean);
                }
            }
        }

        private static void Mix(float[] moments, Span<double> units, Span<long> sums, int count, double rate)
        {
            for (var index = 0; index < moments.Length; index++)
            {
                var mean = units[index] == 0 ? 0 : sums[index] / units[index] / count;
                moments[index] += (float)(rate * (mean - moments[index]));
            }
        }
    }
}
