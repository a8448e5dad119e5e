using OrtZero.Kernels;
using OrtZero.Runtime;

namespace OrtZero.Sharding.Internal;

/// <summary>A copy of a rank's shard of the parameters, and how far each group has gone from it.</summary>
internal sealed class StartDistance : IDisposable
{
    private readonly ZeroEngine _engine;
    private readonly ShardRange[] _ranges;
    private readonly AlignedBuffer _start;
    private readonly BlockSums _lengths;
    private readonly BlockSums _distances;

    public StartDistance(ZeroEngine engine)
    {
        _engine = engine;
        _ranges = [.. engine.OwnedRanges.Where(owned => !owned.Settings.Frozen).Select(owned => owned.Range)];
        _start = new AlignedBuffer(Math.Max(1, engine.Plan.ShardElements) * sizeof(float));
        _lengths = new BlockSums(engine.Plan, engine.Communicator, _ranges);
        _distances = new BlockSums(engine.Plan, engine.Communicator, _ranges);
        for (var index = 0; index < _ranges.Length; index++)
        {
            var most = engine.Parameters.Stretch(_ranges[index].FlatOffset);
            for (var from = 0; from < _ranges[index].Length; from += Math.Min(most, _ranges[index].Length - from))
            {
                engine.Parameters.Borrow(_ranges[index].FlatOffset + from, Math.Min(most, _ranges[index].Length - from)).CopyTo(Start(index)[from..]);
            }
        }
    }

    public long ByteLength => _start.ByteLength;

    /// <summary>By group. Collective.</summary>
    public IReadOnlyList<(double Distance, double Start)> Measure()
    {
        for (var index = 0; index < _ranges.Length; index++)
        {
            // Parameters that are in a file are borrowed bit by bit, a number of whole blocks each.
            var most = _engine.Parameters.Stretch(_ranges[index].FlatOffset);
            for (var from = 0; from < _ranges[index].Length; from += Math.Min(most, _ranges[index].Length - from))
            {
                Measure(index, from, _engine.Parameters.Borrow(_ranges[index].FlatOffset + from, Math.Min(most, _ranges[index].Length - from)));
            }
        }

        _lengths.Gather();
        _distances.Gather();
        var sums = new (double Distance, double Start)[_engine.Groups.Groups.Count];
        foreach (var settings in _engine.Groups.Parameters.Where(settings => !settings.Frozen))
        {
            var parameter = _engine.Plan.IndexOf(settings.Name);
            ref var sum = ref sums[_engine.Groups.GroupOf(settings.Name)];
            sum = (sum.Distance + _distances.Of(parameter), sum.Start + _lengths.Of(parameter));
        }

        return Array.ConvertAll(sums, sum => (Math.Sqrt(sum.Distance), Math.Sqrt(sum.Start)));
    }

    public void Dispose() => _start.Dispose();

    private void Measure(int index, int from, ReadOnlySpan<float> now)
    {
        ReadOnlySpan<float> start = Start(index)[from..];
        var block = from / PartitionPlan.BlockElements;
        for (var first = 0; first < now.Length; first += PartitionPlan.BlockElements, block++)
        {
            var count = Math.Min(PartitionPlan.BlockElements, now.Length - first);
            _lengths.Own(index)[block] = VectorMath.SumOfSquares(start.Slice(first, count));
            _distances.Own(index)[block] = VectorMath.SumOfSquaredDifferences(now.Slice(first, count), start.Slice(first, count));
        }
    }

    private Span<float> Start(int index) => _start.Span<float>(_ranges[index].ShardOffset, _ranges[index].Length);
}
