using System.Numerics;
using OrtZero.Kernels;
using OrtZero.Runtime;

namespace OrtZero.Sharding.Internal;

/// <summary>
/// Sums what the micro-batches of an update leave in one shard: one after the other, or in a binary tree over their index.
/// </summary>
/// <remarks>
/// The tree is a binary counter: after s leaves, one partial sum is kept for each bit that is set in s, the largest first; a new
/// leaf carries through the ones at the end of s. What is left when the leaves end is added from the smallest to the largest. So
/// the tree depends on the number of leaves alone, and as long as every leaf is itself a whole subtree of the same size (N ranks,
/// a power of two), it is one tree over all micro-batches whatever N is. Between 2^k and 2^(k+1) - 1 leaves need at most k + 1
/// buffers, 2^k alone only k.
/// </remarks>
internal sealed class ShardSum(long elements, bool tree) : IDisposable
{
    private readonly List<AlignedBuffer> _slots = [new AlignedBuffer(elements * sizeof(float))];
    private int _depth;
    private int _merges;

    /// <summary>The bytes allocated so far.</summary>
    public long ByteLength => _slots.Count * _slots[0].ByteLength;

    /// <summary>Says which leaf comes next.</summary>
    /// <param name="leaf">Its index in the update, from 0.</param>
    public void Begin(long leaf)
    {
        _depth = tree ? BitOperations.PopCount((ulong)leaf) : leaf > 0 ? 1 : 0;
        _merges = tree ? BitOperations.TrailingZeroCount(~(ulong)leaf) : _depth;
        while (_merges == 0 && _slots.Count <= _depth)
        {
            _slots.Add(new AlignedBuffer(_slots[0].ByteLength));
        }
    }

    /// <summary>Adds a stretch of the leaf; each element of the shard at most once per leaf.</summary>
    public void Add(long offset, ReadOnlySpan<float> leaf)
    {
        if (_merges == 0)
        {
            leaf.CopyTo(Slot(_depth, offset, leaf.Length));
            return;
        }

        VectorMath.Add(Slot(_depth - 1, offset, leaf.Length), leaf);
        for (var slot = _depth - 2; slot >= _depth - _merges; slot--)
        {
            VectorMath.Add(Slot(slot, offset, leaf.Length), Slot(slot + 1, offset, leaf.Length));
        }
    }

    /// <summary>Adds up what is left, so that <see cref="Span"/> is the sum.</summary>
    /// <param name="leaves">How many leaves there were.</param>
    public void End(long leaves)
    {
        const int Chunk = 1 << 20;
        for (var slot = tree ? BitOperations.PopCount((ulong)leaves) - 2 : -1; slot >= 0; slot--)
        {
            for (var offset = 0L; offset < elements; offset += Chunk)
            {
                var count = (int)Math.Min(Chunk, elements - offset);
                VectorMath.Add(Slot(slot, offset, count), Slot(slot + 1, offset, count));
            }
        }
    }

    /// <summary>A stretch of the sum.</summary>
    public Span<float> Span(long offset, int count) => Slot(0, offset, count);

    public void Dispose() => _slots.ForEach(slot => slot.Dispose());

    private Span<float> Slot(int slot, long offset, int count) => _slots[slot].Span<float>(offset, count);
}
