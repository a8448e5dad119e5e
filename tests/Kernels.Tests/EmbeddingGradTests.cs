using OrtZero.Onnx;
using OrtZero.Runtime;

namespace OrtZero.Kernels.Tests;

public class EmbeddingGradTests(KernelFixture fixture) : IClassFixture<KernelFixture>
{
    [Theory]
    [InlineData(10, 3, 25)]
    [InlineData(1, 1, 4)]
    [InlineData(500, 130, 77)]
    [InlineData(37, 64, 300)]
    [InlineData(5, 8, 0)]
    public void Rows_get_the_sum_of_what_was_read_from_them(int rows, int width, int count)
    {
        var dy = Numbers.Normal(1, count * width);
        var indices = Numbers.Integers(2, count, -rows, rows);
        var expected = new double[rows * width];
        for (var i = 0; i < count; i++)
        {
            var row = indices[i] < 0 ? indices[i] + rows : indices[i];
            for (var j = 0; j < width; j++)
            {
                expected[(row * width) + j] += dy[(i * width) + j];
            }
        }

        using var dyTensor = OrtTensor.FromSingles(dy, count, width);
        using var indicesTensor = OrtTensor.FromInt64s(indices, count);
        var actual = fixture.Run("EmbeddingGrad", [dyTensor, indicesTensor], attributes: node => node.SetInt("rows", rows))[0];
        Numbers.Close(expected, actual, 2e-6);
    }

    [Fact]
    public void The_first_and_last_row_are_reached_from_both_ends()
    {
        using var dy = OrtTensor.FromSingles([1, 10, 100, 1000, 10_000], 1, 5, 1);
        using var indices = OrtTensor.FromInt64s([0, -3, 2, -1, 1], 1, 5);
        Assert.Equal([11, 10_000, 1100], fixture.Run("EmbeddingGrad", [dy, indices], attributes: node => node.SetInt("rows", 3))[0]);
    }

    [Theory]
    [InlineData(3)]
    [InlineData(-4)]
    [InlineData(long.MinValue)]
    public void An_index_outside_the_table_is_named(long bad)
    {
        using var dy = OrtTensor.FromSingles(new float[4], 2, 2);
        using var indices = OrtTensor.FromInt64s([0, bad], 2);
        var error = Assert.Throws<OrtException>(() => fixture.Run("EmbeddingGrad", [dy, indices], attributes: node => node.SetInt("rows", 3)));
        Assert.Contains(
            $"Index {bad} at position 1 is outside a table of 3 rows: indices go from -3 to 2.", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void The_length_of_the_table_is_required()
    {
        using var dy = OrtTensor.FromSingles(new float[4], 2, 2);
        using var indices = OrtTensor.FromInt64s([0, 1], 2);
        var error = Assert.Throws<OrtException>(() => fixture.Run("EmbeddingGrad", [dy, indices]));
        Assert.Contains("EmbeddingGrad needs the attribute rows, the length of the table, not 0.", error.Message, StringComparison.Ordinal);
    }
}
