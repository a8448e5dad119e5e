namespace OrtZero.Sharding.Internal;

/// <summary>What a run of a training graph gathers.</summary>
/// <param name="Parameters">The parameters in the order of their gathers.</param>
/// <param name="Live">By gather: the elements that are whole in the graph right after it, its own included.</param>
internal sealed record GatherSchedule(int[] Parameters, long[] Live)
{
    /// <summary>The most elements that are whole in the graph at one time.</summary>
    public long MostLive => Live.DefaultIfEmpty().Max();

    /// <summary>Whether both gather alike, so that they can share buffers and thread.</summary>
    public bool Equals(GatherSchedule? other) => other is not null && Parameters.AsSpan().SequenceEqual(other.Parameters) && Live.AsSpan().SequenceEqual(other.Live);

    /// <inheritdoc/>
    public override int GetHashCode() => Parameters.Aggregate(0, HashCode.Combine);
}
