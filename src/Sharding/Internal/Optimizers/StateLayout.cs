namespace OrtZero.Sharding.Internal;

/// <summary>
/// Where a rank keeps one element-wise state of its ranges: at the offset in its shard when every parameter has the state,
/// packed when only some have it.
/// </summary>
internal sealed class StateLayout
{
    private const int Alignment = 16;
    private readonly long[] _offsets;

    /// <param name="ranges">The rank's ranges.</param>
    /// <param name="has">Whether a range's parameter has the state.</param>
    /// <param name="shardElements">The elements of the rank's shard, or of everything where nothing is sharded.</param>
    public StateLayout(ShardRange[] ranges, Func<ShardRange, bool> has, long shardElements)
    {
        if (Array.TrueForAll(ranges, range => has(range)))
        {
            _offsets = Array.ConvertAll(ranges, range => range.ShardOffset);
            Elements = shardElements;
            return;
        }

        _offsets = new long[ranges.Length];
        for (var index = 0; index < ranges.Length; index++)
        {
            _offsets[index] = has(ranges[index]) ? Elements : -1;
            Elements += has(ranges[index]) ? (ranges[index].Length + Alignment - 1) / Alignment * Alignment : 0;
        }
    }

    /// <summary>The number of elements to reserve.</summary>
    public long Elements { get; }

    /// <summary>Where the state of a range begins, -1 when its parameter does not have it.</summary>
    public long OffsetOf(int range) => _offsets[range];

    /// <summary>Where the state of an element lies.</summary>
    public long Find(ShardRange[] ranges, int parameter, long start)
    {
        var index = Array.FindIndex(ranges, range => range.Parameter == parameter && range.Start <= start && start < range.Start + range.Length);
        return _offsets[index] + start - ranges[index].Start;
    }
}
