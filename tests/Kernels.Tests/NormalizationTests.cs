using OrtZero.Onnx;
using OrtZero.Runtime;

namespace OrtZero.Kernels.Tests;

/// <summary>Gradients against the full Jacobian of each row, in float64.</summary>
public class NormalizationTests(KernelFixture fixture) : IClassFixture<KernelFixture>
{
    // Widths around multiples of sixteen, rows around the chunk of 64.
    public static TheoryData<long[], int> Shapes => new()
    {
        { [1, 1], -1 },
        { [3, 5], -1 },
        { [64, 16], -1 },
        { [65, 33], 1 },
        { [2, 65, 48], -1 },
        { [131, 3, 13], 1 },
        { [4, 3, 7], -2 },
        { [128, 95], -1 },
        { [0, 8], -1 },
    };

    [Theory]
    [MemberData(nameof(Shapes))]
    public void Layer_normalization_gradient_equals_the_jacobian(long[] shape, int axis)
    {
        var (rows, width, dy, x, scale) = Inputs(shape, axis);
        var mean = new float[rows];
        var invStd = new float[rows];
        var (dX, dScale, dBias) = (new double[x.Length], new double[width], new double[width]);
        var h = new double[width];
        for (var row = 0; row < rows; row++)
        {
            var values = x.AsSpan(row * width, width).ToArray();
            mean[row] = (float)values.Average(value => (double)value);
            invStd[row] = (float)(1 / Math.Sqrt(values.Average(value => Math.Pow(value - mean[row], 2)) + 1e-5));
            for (var i = 0; i < width; i++)
            {
                h[i] = ((double)values[i] - mean[row]) * invStd[row];
                dScale[i] += dy[(row * width) + i] * h[i];
                dBias[i] += dy[(row * width) + i];
            }

            for (var j = 0; j < width; j++)
            {
                for (var i = 0; i < width; i++)
                {
                    var slope = invStd[row] * ((i == j ? 1 : 0) - (1.0 / width) - (h[i] * h[j] / width));
                    dX[(row * width) + j] += (double)dy[(row * width) + i] * scale[i] * slope;
                }
            }
        }

        long[] statistics = [rows, 1];
        using var dyTensor = OrtTensor.FromSingles(dy, shape);
        using var xTensor = OrtTensor.FromSingles(x, shape);
        using var scaleTensor = OrtTensor.FromSingles(scale, width);
        using var meanTensor = OrtTensor.FromSingles(mean, statistics);
        using var invStdTensor = OrtTensor.FromSingles(invStd, statistics);
        var actual = fixture.Run(
            "LayerNormalizationGrad", [dyTensor, xTensor, scaleTensor, meanTensor, invStdTensor], outputs: 3, node => node.SetInt("axis", axis));

        CloseGradient(dX, actual[0], width, invStd);
        Numbers.Close(dScale, actual[1], 2e-6);
        Numbers.Close(dBias, actual[2], 2e-6);
    }

    [Theory]
    [MemberData(nameof(Shapes))]
    public void Rms_normalization_matches_its_definition_and_jacobian(long[] shape, int axis)
    {
        var (rows, width, dy, x, scale) = Inputs(shape, axis);
        var (y, inverse) = (new double[x.Length], new double[rows]);
        var (dX, dScale) = (new double[x.Length], new double[width]);
        for (var row = 0; row < rows; row++)
        {
            var values = x.AsSpan(row * width, width).ToArray();
            var r = inverse[row] = 1 / Math.Sqrt(values.Average(value => (double)value * value) + 0.01f);
            for (var j = 0; j < width; j++)
            {
                y[(row * width) + j] = values[j] * r * scale[j];
                dScale[j] += dy[(row * width) + j] * values[j] * r;
                for (var i = 0; i < width; i++)
                {
                    var slope = ((i == j ? 1 : 0) * r) - (values[i] * r * r * r * values[j] / width);
                    dX[(row * width) + j] += (double)dy[(row * width) + i] * scale[i] * slope;
                }
            }
        }

        using var dyTensor = OrtTensor.FromSingles(dy, shape);
        using var xTensor = OrtTensor.FromSingles(x, shape);
        using var scaleTensor = OrtTensor.FromSingles(scale, width);
        var forward = fixture.Run("RmsNormalization", [xTensor, scaleTensor], outputs: 2, node => node.SetInt("axis", axis).SetFloat("epsilon", 0.01f));
        Numbers.Close(y, forward[0], 4e-7);
        Numbers.Close(inverse, forward[1], 2e-7);

        using var invStdTensor = OrtTensor.FromSingles(forward[1], rows, 1);
        var backward = fixture.Run(
            "RmsNormalizationGrad", [dyTensor, xTensor, scaleTensor, invStdTensor], outputs: 2, node => node.SetInt("axis", axis));
        CloseGradient(dX, backward[0], width, forward[1]);
        Numbers.Close(dScale, backward[1], 2e-6);
    }

    [Fact]
    public void Rms_statistics_have_length_one_in_the_normalized_axes()
    {
        using var x = OrtTensor.FromSingles(new float[24], 2, 3, 4);
        using var scale = OrtTensor.FromSingles(new float[12], 12);
        using var session = fixture.Open("RmsNormalization", [x, scale], outputs: 2, threads: 1, node => node.SetInt("axis", 1));
        var results = session.Run(KernelFixture.Named([x, scale]));
        Assert.Equal([2, 3, 4], results[0].Shape);
        Assert.Equal([2, 1, 1], results[1].Shape);
    }

    [Theory]
    [InlineData(0, 5)]
    [InlineData(1, 7)]
    [InlineData(-3, 5)]
    public void Operands_that_do_not_fit_are_refused(int axis, int width)
    {
        using var x = OrtTensor.FromSingles(new float[15], 3, 5);
        using var scale = OrtTensor.FromSingles(new float[width], width);
        using var statistics = OrtTensor.FromSingles(new float[3], 3);
        var error = Assert.Throws<OrtException>(() => fixture.Run(
            "LayerNormalizationGrad", [x, x, scale, statistics, statistics], outputs: 3, node => node.SetInt("axis", axis)));
        Assert.Contains(
            axis == -3
                ? "LayerNormalizationGrad: axis -3 is outside the 2 axes of its input; it goes from -2 to 1."
                : $"LayerNormalizationGrad: scale has {width} elements, but the other inputs ask for {(axis == 0 ? 15 : 5)};",
            error.Message,
            StringComparison.Ordinal);
    }

    /// <summary>The gradient of a row of one element cancels to nearly 0; what is left there is rounding, of the size of the factors.</summary>
    private static void CloseGradient(double[] expected, float[] actual, int width, float[] invStd)
    {
        var size = width == 1 ? invStd.Max() : 0;
        Numbers.Close([.. expected, size], [.. actual, size], 2e-6);
    }

    private static (int Rows, int Width, float[] Dy, float[] X, float[] Scale) Inputs(long[] shape, int axis)
    {
        var split = axis < 0 ? axis + shape.Length : axis;
        var rows = (int)shape[..split].Aggregate(1L, (product, length) => product * length);
        var width = (int)shape[split..].Aggregate(1L, (product, length) => product * length);
        return (rows, width, Numbers.Normal(1, rows * width), Numbers.Normal(2, rows * width, 0.5, 2), Numbers.Normal(3, width, 1, 0.2));
    }
}
