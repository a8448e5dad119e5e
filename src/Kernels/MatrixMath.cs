using System.Numerics.Tensors;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace OrtZero.Kernels;

/// <summary>
/// Products of row-major float32 matrices on one thread. The order of every sum follows from the shapes alone, so two ranks that
/// multiply the same matrices get the same bits.
/// </summary>
public static class MatrixMath
{
    private const int Lanes = 16;
    private const int RowBlock = 4;
    private const int DepthBlock = 256;

    /// <summary>C = A B.</summary>
    /// <param name="a">A, of <paramref name="rows"/> by <paramref name="depth"/>.</param>
    /// <param name="b">B, of <paramref name="depth"/> by <paramref name="columns"/>.</param>
    /// <param name="c">Receives C, of <paramref name="rows"/> by <paramref name="columns"/>; may not overlap A or B.</param>
    /// <param name="rows">The rows of A and C.</param>
    /// <param name="depth">The columns of A, the rows of B.</param>
    /// <param name="columns">The columns of B and C.</param>
    /// <exception cref="ArgumentException">A span has not the length its shape asks for.</exception>
    public static void Multiply(ReadOnlySpan<float> a, ReadOnlySpan<float> b, Span<float> c, int rows, int depth, int columns)
    {
        Require(a.Length, rows, depth, nameof(a));
        Require(b.Length, depth, columns, nameof(b));
        Require(c.Length, rows, columns, nameof(c));
        c.Clear();
        // A stretch of B's rows stays in the cache while all rows of A pass over it.
        for (var k = 0; k < depth; k += DepthBlock)
        {
            var end = Math.Min(depth, k + DepthBlock);
            for (var i = 0; i < rows; i += RowBlock)
            {
                if (rows - i >= RowBlock)
                {
                    FourRows(a, b, c, i, k, end, depth, columns);
                }
                else
                {
                    for (var row = i; row < rows; row++)
                    {
                        OneRow(a, b, c, row, 0, k, end, depth, columns);
                    }
                }
            }
        }
    }

    /// <summary>The transpose of a matrix.</summary>
    /// <param name="source">The matrix, of <paramref name="rows"/> by <paramref name="columns"/>.</param>
    /// <param name="target">Receives its transpose; may not overlap it.</param>
    /// <param name="rows">The rows of the matrix.</param>
    /// <param name="columns">Its columns.</param>
    /// <exception cref="ArgumentException">A span has not the length its shape asks for.</exception>
    public static void Transpose(ReadOnlySpan<float> source, Span<float> target, int rows, int columns)
    {
        const int Tile = 32;
        Require(source.Length, rows, columns, nameof(source));
        Require(target.Length, rows, columns, nameof(target));
        for (var i0 = 0; i0 < rows; i0 += Tile)
        {
            for (var j0 = 0; j0 < columns; j0 += Tile)
            {
                for (var i = i0; i < Math.Min(rows, i0 + Tile); i++)
                {
                    for (var j = j0; j < Math.Min(columns, j0 + Tile); j++)
                    {
                        target[(j * rows) + i] = source[(i * columns) + j];
                    }
                }
            }
        }
    }

    private static void FourRows(ReadOnlySpan<float> a, ReadOnlySpan<float> b, Span<float> c, int row, int from, int to, int depth, int columns)
    {
        ref var a0 = ref MemoryMarshal.GetReference(a[(row * depth)..]);
        ref var b0 = ref MemoryMarshal.GetReference(b);
        ref var c0 = ref MemoryMarshal.GetReference(c[(row * columns)..]);
        var (line, width) = ((nuint)depth, (nuint)columns);
        var j = 0;
        for (; j <= columns - (2 * Lanes); j += 2 * Lanes)
        {
            var at = (nuint)j;
            var (x0, y0) = (Vector512.LoadUnsafe(ref c0, at), Vector512.LoadUnsafe(ref c0, at + Lanes));
            var (x1, y1) = (Vector512.LoadUnsafe(ref c0, at + width), Vector512.LoadUnsafe(ref c0, at + width + Lanes));
            var (x2, y2) = (Vector512.LoadUnsafe(ref c0, at + (2 * width)), Vector512.LoadUnsafe(ref c0, at + (2 * width) + Lanes));
            var (x3, y3) = (Vector512.LoadUnsafe(ref c0, at + (3 * width)), Vector512.LoadUnsafe(ref c0, at + (3 * width) + Lanes));
            for (var k = (nuint)from; k < (nuint)to; k++)
            {
                var p = Vector512.LoadUnsafe(ref b0, (k * width) + at);
                var q = Vector512.LoadUnsafe(ref b0, (k * width) + at + Lanes);
                var v = Vector512.Create(System.Runtime.CompilerServices.Unsafe.Add(ref a0, k));
                x0 = Vector512.FusedMultiplyAdd(v, p, x0);
                y0 = Vector512.FusedMultiplyAdd(v, q, y0);
                v = Vector512.Create(System.Runtime.CompilerServices.Unsafe.Add(ref a0, k + line));
                x1 = Vector512.FusedMultiplyAdd(v, p, x1);
                y1 = Vector512.FusedMultiplyAdd(v, q, y1);
                v = Vector512.Create(System.Runtime.CompilerServices.Unsafe.Add(ref a0, k + (2 * line)));
                x2 = Vector512.FusedMultiplyAdd(v, p, x2);
                y2 = Vector512.FusedMultiplyAdd(v, q, y2);
                v = Vector512.Create(System.Runtime.CompilerServices.Unsafe.Add(ref a0, k + (3 * line)));
                x3 = Vector512.FusedMultiplyAdd(v, p, x3);
                y3 = Vector512.FusedMultiplyAdd(v, q, y3);
            }

            x0.StoreUnsafe(ref c0, at);
            y0.StoreUnsafe(ref c0, at + Lanes);
            x1.StoreUnsafe(ref c0, at + width);
            y1.StoreUnsafe(ref c0, at + width + Lanes);
            x2.StoreUnsafe(ref c0, at + (2 * width));
            y2.StoreUnsafe(ref c0, at + (2 * width) + Lanes);
            x3.StoreUnsafe(ref c0, at + (3 * width));
            y3.StoreUnsafe(ref c0, at + (3 * width) + Lanes);
        }

        for (var i = row; j < columns && i < row + RowBlock; i++)
        {
            OneRow(a, b, c, i, j, from, to, depth, columns);
        }
    }

    private static void OneRow(ReadOnlySpan<float> a, ReadOnlySpan<float> b, Span<float> c, int row, int firstColumn, int from, int to, int depth, int columns)
    {
        var target = c.Slice((row * columns) + firstColumn, columns - firstColumn);
        for (var k = from; k < to; k++)
        {
            TensorPrimitives.FusedMultiplyAdd(b.Slice((k * columns) + firstColumn, target.Length), a[(row * depth) + k], target, target);
        }
    }

    private static void Require(int length, int rows, int columns, string name)
    {
        if (length != (long)rows * columns)
        {
            throw new ArgumentException($"A matrix of {rows} by {columns} has {(long)rows * columns} elements, not {length}.", name);
        }
    }
}
