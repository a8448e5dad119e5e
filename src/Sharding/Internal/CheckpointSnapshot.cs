using OrtZero.Runtime;

namespace OrtZero.Sharding.Internal;

/// <summary>A copy of this rank's part of a checkpoint in memory that is reused, so that training may go on while it is written.</summary>
internal sealed class CheckpointSnapshot : IDisposable
{
    private const int Chunk = 1 << 24;

    private readonly List<CheckpointPiece> _live;
    private readonly AlignedBuffer _memory;

    public CheckpointSnapshot(ZeroEngine engine)
    {
        (_live, Ranges) = CheckpointContent.PiecesOf(engine);
        _memory = new AlignedBuffer(Math.Max(1, _live.Sum(piece => piece.Length)) * sizeof(float));
        var offset = 0L;
        foreach (var piece in _live)
        {
            var start = offset;
            Pieces.Add(piece with { Elements = (position, count) => _memory.Span<float>(start + position, count) });
            offset += piece.Length;
        }
    }

    /// <summary>What <see cref="ByteLength"/> will be on the rank where it is most: padding is not copied, so ranks differ.</summary>
    public static long MostBytes(PartitionPlan plan, ParameterGroupTable groups, bool keepsAverage)
    {
        var settings = ShardedOptimizer.SettingsOf(plan, groups);
        using var optimizer = OptimizerFactory.Create(groups.Optimizer, plan, settings, rank: 0);
        var copies = Array.ConvertAll(settings, parameter => 1 + (keepsAverage ? 1 : 0)
            + Enumerable.Range(0, optimizer.StateNames.Count).Count(state => optimizer.HasState(state, parameter)));
        var own = new long[plan.WorldSize];
        // By rank, how much more than the rank before it copies of whole pieces: there may be very many ranks.
        var steps = new long[plan.WorldSize + 1];
        own[0] = optimizer.TensorStates.Sum(state => state.Values.Length);
        foreach (var range in plan.AllRanges())
        {
            var bucket = plan.Buckets[range.Bucket];
            var (start, end) = (range.FlatOffset - bucket.Offset, range.FlatOffset - bucket.Offset + range.Length);
            var (first, last) = (start / bucket.PieceLength, (end - 1) / bucket.PieceLength);
            var count = copies[range.Parameter];
            own[first] += count * (Math.Min(end, (first + 1) * bucket.PieceLength) - start);
            if (last > first)
            {
                own[last] += count * (end - (last * bucket.PieceLength));
                steps[first + 1] += count * bucket.PieceLength;
                steps[last] -= count * bucket.PieceLength;
            }
        }

        var (most, whole) = (1L, 0L);
        for (var rank = 0; rank < own.Length; rank++)
        {
            whole += steps[rank];
            most = Math.Max(most, own[rank] + whole);
        }

        return most * sizeof(float);
    }

    /// <summary>The bytes of the copy.</summary>
    public long ByteLength => _memory.ByteLength;

    /// <summary>The ranges of the plan it holds.</summary>
    public List<CheckpointRange> Ranges { get; }

    /// <summary>The tensors as they were when it was taken.</summary>
    public List<CheckpointPiece> Pieces { get; } = [];

    /// <summary>Copies everything as it is now.</summary>
    public void Take()
    {
        var offset = 0L;
        foreach (var piece in _live)
        {
            for (var position = 0L; position < piece.Length; position += Chunk)
            {
                var elements = piece.Elements(position, (int)Math.Min(Chunk, piece.Length - position));
                elements.CopyTo(_memory.Span<float>(offset + position, elements.Length));
            }

            offset += piece.Length;
        }
    }

    public void Dispose() => _memory.Dispose();
}
