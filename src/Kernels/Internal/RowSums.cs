namespace OrtZero.Kernels.Internal;

/// <summary>
/// Sums over the rows of a matrix, several vectors of its width at once: one partial sum per chunk of rows, added in the order of the
/// chunks. A chunk's size is fixed, so sums do not depend on the number of threads.
/// </summary>
internal readonly struct RowSums(int rows, int width, int vectors)
{
    private const int RowsPerChunk = 64;

    internal int Width => width;

    internal int Chunks => Operands.Chunks(rows, RowsPerChunk);

    /// <summary>The number of elements that the partial sums take.</summary>
    internal int Length => checked(Chunks * vectors * width);

    internal static int FirstRow(int chunk) => chunk * RowsPerChunk;

    internal int EndRow(int chunk) => Math.Min(rows, (chunk + 1) * RowsPerChunk);

    /// <summary>The partial sum of a chunk, set to zero.</summary>
    internal Span<float> Clear(Span<float> partial, int chunk, int vector)
    {
        var sum = Slice(partial, chunk, vector);
        sum.Clear();
        return sum;
    }

    /// <summary>Adds up one vector over all chunks.</summary>
    internal void Total(Span<float> partial, int vector, Span<float> total)
    {
        total.Clear();
        for (var chunk = 0; chunk < Chunks; chunk++)
        {
            VectorMath.Add(total, Slice(partial, chunk, vector));
        }
    }

    private Span<float> Slice(Span<float> partial, int chunk, int vector) => partial.Slice(((chunk * vectors) + vector) * width, width);
}
