namespace OrtZero.Sharding.Internal;

/// <summary>
/// How the ranges of a rank are grouped into pieces that travel between files and memory as one, and where the numbers of each range lie
/// in its piece: the optimizer's states range by range, as in the file, and then the weights.
/// </summary>
internal sealed class OffloadLayout
{
    /// <summary>The most elements of a piece, so that a span holds it with all states.</summary>
    public const int MaxPieceElements = 1 << 28;

    private const int Alignment = 16;

    private readonly long[][] _stateOffsets;
    private readonly long[] _weightOffsets;

    /// <param name="ranges">The ranges, none longer than <paramref name="limit"/>.</param>
    /// <param name="states">How many element-wise states are kept in the file; 0 when they are in memory.</param>
    /// <param name="hasState">Whether a range has a state.</param>
    /// <param name="hasWeights">Whether the weights of a range are in a file, too.</param>
    /// <param name="limit">The most elements of a piece.</param>
    public OffloadLayout(
        ShardRange[] ranges, int states, Func<int, ShardRange, bool> hasState, Func<ShardRange, bool> hasWeights, long limit)
    {
        Ranges = ranges;
        limit = Math.Min(limit, MaxPieceElements);
        PieceOf = new int[ranges.Length];
        _stateOffsets = [.. Enumerable.Range(0, states).Select(_ => new long[ranges.Length])];
        _weightOffsets = new long[ranges.Length];
        var pieces = new List<Piece>();
        for (var first = 0; first < ranges.Length;)
        {
            var last = first;
            for (var elements = (long)ranges[first].Length; last + 1 < ranges.Length && (elements += ranges[last + 1].Length) <= limit;)
            {
                last++;
            }

            var end = 0L;
            for (var index = first; index <= last; index++)
            {
                PieceOf[index] = pieces.Count;
                for (var state = 0; state < states; state++)
                {
                    _stateOffsets[state][index] = Place(hasState(state, ranges[index]), ranges[index].Length, ref end);
                }
            }

            var stateElements = end;
            for (var index = first; index <= last; index++)
            {
                _weightOffsets[index] = Place(hasWeights(ranges[index]), ranges[index].Length, ref end);
            }

            pieces.Add(new Piece(first, last, FileElements, stateElements));
            FileElements += stateElements;
            BufferElements = Math.Max(BufferElements, end);
            first = last + 1;
        }

        Pieces = [.. pieces];
    }

    /// <summary>All ranges.</summary>
    public ShardRange[] Ranges { get; }

    /// <summary>The pieces, in the order of an update.</summary>
    public Piece[] Pieces { get; }

    /// <summary>The piece of a range, by its index.</summary>
    public int[] PieceOf { get; }

    /// <summary>The elements of the file of states.</summary>
    public long FileElements { get; }

    /// <summary>The elements of a buffer that holds any piece.</summary>
    public long BufferElements { get; }

    /// <summary>The bytes of so many buffers; more than there are pieces are not needed.</summary>
    public long BufferBytes(int buffers) => BufferElements * sizeof(float) * Math.Min(buffers, Pieces.Length);

    /// <summary>Where a state of a range begins in its piece; -1 when it has none.</summary>
    public long StateOffset(int state, int range) => _stateOffsets[state][range];

    /// <summary>Where the weights of a range begin in its piece; -1 when they are in memory.</summary>
    public long WeightOffset(int range) => _weightOffsets[range];

    /// <summary>Ranges cut into stretches of at most so many elements, on borders of blocks.</summary>
    public static ShardRange[] Cut(IEnumerable<ShardRange> ranges, long limit)
    {
        var most = (int)Math.Clamp(limit / PartitionPlan.BlockElements * PartitionPlan.BlockElements, PartitionPlan.BlockElements, MaxPieceElements);
        return [.. from range in ranges
                   from position in Enumerable.Range(0, (range.Length + most - 1) / most).Select(index => index * most)
                   select range with
                   {
                       Start = range.Start + position,
                       Length = Math.Min(most, range.Length - position),
                       FlatOffset = range.FlatOffset + position,
                       ShardOffset = range.ShardOffset + position,
                   }];
    }

    private static long Place(bool isThere, int length, ref long end)
    {
        if (!isThere)
        {
            return -1;
        }

        var offset = end;
        end += (length + Alignment - 1) / Alignment * Alignment;
        return offset;
    }

    /// <summary>Ranges that travel as one.</summary>
    /// <param name="First">The first range.</param>
    /// <param name="Last">The last range.</param>
    /// <param name="FileOffset">Where its states begin in the file, in elements.</param>
    /// <param name="StateElements">The elements of its states.</param>
    public readonly record struct Piece(int First, int Last, long FileOffset, long StateElements);
}
