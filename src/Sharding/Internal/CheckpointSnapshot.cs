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
