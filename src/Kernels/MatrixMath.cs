using System.Numerics.Tensors;
using System.Runtime.CompilerServices;
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
    private const int PanelColumns = 2 * Lanes;

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
        Span<float> panel = stackalloc float[DepthBlock * PanelColumns];
        for (var k = 0; k < depth; k += DepthBlock)
        {
            var height = Math.Min(DepthBlock, depth - k);
            for (var j = 0; j < columns; j += PanelColumns)
            {
                // A panel of B lies together, because rows a power of two apart would push each other out of the cache.
                var width = Math.Min(PanelColumns, columns - j);
                Pack(b[((k * columns) + j)..], panel, height, width, columns);
                for (var i = 0; i < rows;)
                {
                    if (width == PanelColumns && rows - i >= RowBlock)
                    {
                        FourRows(a[((i * depth) + k)..], panel, c[((i * columns) + j)..], height, depth, columns);
                        i += RowBlock;
                    }
                    else
                    {
                        OneRow(a.Slice((i * depth) + k, height), panel, c.Slice((i * columns) + j, width));
                        i++;
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

    private static void Pack(ReadOnlySpan<float> b, Span<float> panel, int height, int width, int columns)
    {
        for (var k = 0; k < height; k++)
        {
            b.Slice(k * columns, width).CopyTo(panel[(k * PanelColumns)..]);
        }
    }

    // Every element of C is a chain of fused multiply-adds over ascending k, here as in OneRow.
    private static void FourRows(ReadOnlySpan<float> a, ReadOnlySpan<float> panel, Span<float> c, int height, int depth, int columns)
    {
        ref var a0 = ref MemoryMarshal.GetReference(a);
        ref var p0 = ref MemoryMarshal.GetReference(panel);
        ref var c0 = ref MemoryMarshal.GetReference(c);
        var (line, stride) = ((nuint)depth, (nuint)columns);
        var (x0, y0) = (Vector512.LoadUnsafe(ref c0), Vector512.LoadUnsafe(ref c0, Lanes));
        var (x1, y1) = (Vector512.LoadUnsafe(ref c0, stride), Vector512.LoadUnsafe(ref c0, stride + Lanes));
        var (x2, y2) = (Vector512.LoadUnsafe(ref c0, 2 * stride), Vector512.LoadUnsafe(ref c0, (2 * stride) + Lanes));
        var (x3, y3) = (Vector512.LoadUnsafe(ref c0, 3 * stride), Vector512.LoadUnsafe(ref c0, (3 * stride) + Lanes));
        for (var k = (nuint)0; k < (nuint)height; k++)
        {
            var p = Vector512.LoadUnsafe(ref p0, k * PanelColumns);
            var q = Vector512.LoadUnsafe(ref p0, (k * PanelColumns) + Lanes);
            var v = Vector512.Create(Unsafe.Add(ref a0, k));
            x0 = Vector512.FusedMultiplyAdd(v, p, x0);
            y0 = Vector512.FusedMultiplyAdd(v, q, y0);
            v = Vector512.Create(Unsafe.Add(ref a0, k + line));
            x1 = Vector512.FusedMultiplyAdd(v, p, x1);
            y1 = Vector512.FusedMultiplyAdd(v, q, y1);
            v = Vector512.Create(Unsafe.Add(ref a0, k + (2 * line)));
            x2 = Vector512.FusedMultiplyAdd(v, p, x2);
            y2 = Vector512.FusedMultiplyAdd(v, q, y2);
            v = Vector512.Create(Unsafe.Add(ref a0, k + (3 * line)));
            x3 = Vector512.FusedMultiplyAdd(v, p, x3);
            y3 = Vector512.FusedMultiplyAdd(v, q, y3);
        }

        x0.StoreUnsafe(ref c0);
        y0.StoreUnsafe(ref c0, Lanes);
        x1.StoreUnsafe(ref c0, stride);
        y1.StoreUnsafe(ref c0, stride + Lanes);
        x2.StoreUnsafe(ref c0, 2 * stride);
        y2.StoreUnsafe(ref c0, (2 * stride) + Lanes);
        x3.StoreUnsafe(ref c0, 3 * stride);
        y3.StoreUnsafe(ref c0, (3 * stride) + Lanes);
    }

    private static void OneRow(ReadOnlySpan<float> a, ReadOnlySpan<float> panel, Span<float> c)
    {
        for (var k = 0; k < a.Length; k++)
        {
            TensorPrimitives.FusedMultiplyAdd(panel.Slice(k * PanelColumns, c.Length), a[k], c, c);
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
