using OrtZero.Kernels;

namespace OrtZero.Sharding.Tests.Optimizers;

public sealed class NewtonSchulzTests
{
    [Theory]
    [InlineData(1, 1)]
    [InlineData(3, 70)]
    [InlineData(70, 3)]
    [InlineData(37, 53)]
    [InlineData(130, 66)]
    public void A_matrix_becomes_what_the_iteration_gives_in_float64(int rows, int columns)
    {
        var random = new Random(rows + columns);
        var matrix = Enumerable.Range(0, rows * columns).Select(_ => (float)((random.NextDouble() * 2) - 1)).ToArray();
        var wide = new double[rows, columns];
        for (var i = 0; i < matrix.Length; i++)
        {
            wide[i / columns, i % columns] = matrix[i];
        }

        NewtonSchulz.Orthogonalize(matrix, rows, columns, 5, new float[NewtonSchulz.ScratchLength(rows, columns)]);

        var expected = OptimizerCase.Orthogonalize(wide, 5);
        Assert.All(matrix, (value, i) => Assert.Equal(expected[i / columns, i % columns], value, 5e-5));
    }

    [Fact]
    public void Singular_values_end_near_one()
    {
        // A scaled rotation with a stretched axis: singular values 1 and 20.
        float[] matrix = [0.6f, -16f, 0.8f, 12f];

        NewtonSchulz.Orthogonalize(matrix, 2, 2, 5, new float[NewtonSchulz.ScratchLength(2, 2)]);

        var first = Math.Sqrt((matrix[0] * matrix[0]) + (matrix[2] * matrix[2]));
        var second = Math.Sqrt((matrix[1] * matrix[1]) + (matrix[3] * matrix[3]));
        Assert.InRange(first, 0.6, 1.3);
        Assert.InRange(second, 0.6, 1.3);
        Assert.Equal(0, (matrix[0] * matrix[1]) + (matrix[2] * matrix[3]), 1e-4);
    }

    [Fact]
    public void Products_of_any_shape_are_right()
    {
        foreach (var (rows, depth, columns) in new[] { (1, 1, 1), (4, 300, 64), (7, 5, 33), (9, 513, 40), (4, 3, 31) })
        {
            var random = new Random(rows);
            var a = Enumerable.Range(0, rows * depth).Select(_ => (float)random.Next(-4, 5)).ToArray();
            var b = Enumerable.Range(0, depth * columns).Select(_ => (float)random.Next(-4, 5)).ToArray();
            var c = new float[rows * columns];

            MatrixMath.Multiply(a, b, c, rows, depth, columns);

            for (var i = 0; i < c.Length; i++)
            {
                var (row, column) = (i / columns, i % columns);
                Assert.Equal(Enumerable.Range(0, depth).Sum(k => a[(row * depth) + k] * b[(k * columns) + column]), c[i]);
            }
        }
    }
}
