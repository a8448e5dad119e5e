using OrtZero.Kernels;

namespace OrtZero.Sharding.Internal;

/// <summary>Sums equally long pieces in a balanced binary tree over their index.</summary>
internal static class TreeSum
{
    // So many elements of every piece at a time, so that partial sums are still in cache when the next level wants them.
    private const int Chunk = 4096;

    /// <summary>Leaves the sum in the first piece; the others hold partial sums.</summary>
    /// <param name="pieces">The pieces one after the other.</param>
    /// <param name="count">How many there are, a power of two.</param>
    public static void InPlace(Span<float> pieces, int count)
    {
        var length = pieces.Length / count;
        for (var start = 0; start < length; start += Chunk)
        {
            var chunk = Math.Min(Chunk, length - start);
            for (var width = 1; width < count; width *= 2)
            {
                for (var piece = 0; piece < count; piece += 2 * width)
                {
                    VectorMath.Add(
                        pieces.Slice((piece * length) + start, chunk), pieces.Slice(((piece + width) * length) + start, chunk));
                }
            }
        }
    }
}
