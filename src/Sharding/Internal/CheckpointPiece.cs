namespace OrtZero.Sharding.Internal;

/// <summary>A tensor of a shard: its name there, its shape, and where its elements are now.</summary>
/// <param name="Key">The name.</param>
/// <param name="Shape">The shape.</param>
/// <param name="Length">The number of elements.</param>
/// <param name="Elements">A stretch of them.</param>
internal sealed record CheckpointPiece(string Key, long[] Shape, long Length, CheckpointPiece.Stretch Elements)
{
    /// <summary>A stretch of elements, counted from the start of the piece.</summary>
    public delegate ReadOnlySpan<float> Stretch(long position, int count);
}
