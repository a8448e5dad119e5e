using OrtZero.Onnx;
using OrtZero.Runtime;

namespace OrtZero.Kernels.Tests;

public class SoftmaxGradTests(KernelFixture fixture) : IClassFixture<KernelFixture>
{
    [Theory]
    [InlineData(new long[] { 5, 1 }, -1)]
    [InlineData(new long[] { 7, 16 }, 1)]
    [InlineData(new long[] { 2, 3, 33, 65 }, 3)]
    [InlineData(new long[] { 401, 100 }, -1)]
    [InlineData(new long[] { 4, 11, 37 }, 1)]
    [InlineData(new long[] { 9, 16 }, 0)]
    [InlineData(new long[] { 13 }, 0)]
    [InlineData(new long[] { 0, 4 }, -1)]
    public void Gradient_equals_the_jacobian(long[] shape, int axis)
    {
        var count = (int)shape.Aggregate(1L, (product, length) => product * length);
        var split = axis < 0 ? axis + shape.Length : axis;
        var length = (int)shape[split];
        var inner = (int)shape[(split + 1)..].Aggregate(1L, (product, size) => product * size);
        var scores = Numbers.Normal(1, count, 0, 3);
        var dy = Numbers.Normal(2, count);
        var y = new float[count];
        var dx = new double[count];
        for (var line = 0; line < (length == 0 ? 0 : count / length); line++)
        {
            var start = (line / inner * length * inner) + (line % inner);
            var at = Enumerable.Range(0, length).Select(i => start + (i * inner)).ToArray();
            var sum = at.Sum(i => Math.Exp(scores[i]));
            foreach (var i in at)
            {
                y[i] = (float)(Math.Exp(scores[i]) / sum);
            }

            foreach (var j in at)
            {
                dx[j] = at.Sum(i => dy[i] * (double)y[i] * ((i == j ? 1 : 0) - y[j]));
            }
        }

        using var dyTensor = OrtTensor.FromSingles(dy, shape);
        using var yTensor = OrtTensor.FromSingles(y, shape);
        var actual = fixture.Run("SoftmaxGrad", [dyTensor, yTensor], attributes: node => node.SetInt("axis", axis))[0];
        Numbers.Close([.. dx, 1], [.. actual, 1], 5e-7);
    }

    [Fact]
    public void A_NaN_spreads_over_its_own_row_only()
    {
        using var dy = OrtTensor.FromSingles([1, float.NaN, 3, 1, 2, 3], 2, 3);
        using var y = OrtTensor.FromSingles([0.2f, 0.3f, 0.5f, 0, 0.5f, 0.5f], 2, 3);
        var actual = fixture.Run("SoftmaxGrad", [dy, y])[0];
        Assert.Equal([float.NaN, float.NaN, float.NaN, 0, -0.25f, 0.25f], actual);
    }
}
