using System.Numerics.Tensors;

namespace OrtZero.Kernels;

/// <summary>
/// Replaces a matrix by one near to U V' of its singular value decomposition U S V', by the quintic Newton-Schulz iteration of Muon:
/// X = G/(|G| + eps), then X = aX + (bA + cA²)X with A = XX'. The coefficients (3.4445, -4.7750, 2.0315) are those of Jordan et al.
/// All in float32 on one thread, in an order that follows from the shape.
/// </summary>
public static class NewtonSchulz
{
    private const float A = 3.4445f;
    private const float B = -4.7750f;
    private const float C = 2.0315f;

    /// <summary>How many elements of scratch space a matrix needs.</summary>
    /// <param name="rows">Its rows.</param>
    /// <param name="columns">Its columns.</param>
    public static long ScratchLength(int rows, int columns) =>
        (2L * rows * columns) + (2L * Math.Min(rows, columns) * Math.Min(rows, columns));

    /// <summary>Orthogonalizes a row-major matrix in place.</summary>
    /// <param name="matrix">The matrix.</param>
    /// <param name="rows">Its rows.</param>
    /// <param name="columns">Its columns.</param>
    /// <param name="steps">The number of iterations, 5 in the paper.</param>
    /// <param name="scratch">At least <see cref="ScratchLength"/> elements.</param>
    /// <exception cref="ArgumentException">The scratch space is too small.</exception>
    public static void Orthogonalize(Span<float> matrix, int rows, int columns, int steps, Span<float> scratch)
    {
        if (matrix.Length != (long)rows * columns || scratch.Length < ScratchLength(rows, columns))
        {
            throw new ArgumentException(
                $"A matrix of {rows} by {columns} has {(long)rows * columns} elements, not {matrix.Length}, and needs {ScratchLength(rows, columns)} of scratch space, not {scratch.Length}.");
        }

        // The product XX' is smallest when the shorter side comes first.
        var tall = rows > columns;
        var (n, m) = tall ? (columns, rows) : (rows, columns);
        var x = scratch[..matrix.Length];
        var other = scratch.Slice(matrix.Length, matrix.Length);
        var gram = scratch.Slice(2 * matrix.Length, n * n);
        var square = scratch.Slice((2 * matrix.Length) + (n * n), n * n);
        if (tall)
        {
            MatrixMath.Transpose(matrix, x, rows, columns);
        }
        else
        {
            matrix.CopyTo(x);
        }

        TensorPrimitives.Multiply(x, (float)(1 / (Math.Sqrt(VectorMath.SumOfSquares(x)) + 1e-7)), x);
        for (var step = 0; step < steps; step++)
        {
            MatrixMath.Transpose(x, other, n, m);
            MatrixMath.Multiply(x, other, gram, n, m, n);
            MatrixMath.Multiply(gram, gram, square, n, n, n);
            TensorPrimitives.Multiply(square, C, square);
            TensorPrimitives.FusedMultiplyAdd(gram, B, square, square);
            MatrixMath.Multiply(square, x, other, n, n, m);
            TensorPrimitives.FusedMultiplyAdd(x, A, other, x);
        }

        if (tall)
        {
            MatrixMath.Transpose(x, matrix, n, m);
        }
        else
        {
            x.CopyTo(matrix);
        }
    }
}
