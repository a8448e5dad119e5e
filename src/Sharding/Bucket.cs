namespace OrtZero.Sharding;

/// <summary>
/// The unit of communication: a stretch of the flat buffer that is reduced and gathered in one collective, cut into one piece
/// of whole blocks per rank.
/// </summary>
/// <param name="Index">Its position; buckets are reduced in this order on every rank.</param>
/// <param name="Offset">Its first element in the flat buffer.</param>
/// <param name="Length">Its number of elements, a multiple of <see cref="PartitionPlan.BlockElements"/> times the world size.</param>
/// <param name="PieceLength">The number of elements each rank owns, <c>Length / worldSize</c>.</param>
/// <param name="ShardOffset">Where a rank's piece of this bucket begins in that rank's compact shard (the same on every rank).</param>
public readonly record struct Bucket(int Index, long Offset, long Length, long PieceLength, long ShardOffset)
{
    /// <summary>The first element after the bucket in the flat buffer.</summary>
    public long End => Offset + Length;

    /// <summary>The first element of a rank's piece in the flat buffer.</summary>
    public long PieceOffset(int rank) => Offset + (rank * PieceLength);
}
