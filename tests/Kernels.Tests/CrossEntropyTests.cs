using OrtZero.Onnx;
using OrtZero.Runtime;

namespace OrtZero.Kernels.Tests;

public class CrossEntropyTests(KernelFixture fixture) : IClassFixture<KernelFixture>
{
    [Theory]
    [InlineData(1, 2, 0.0)]
    [InlineData(7, 10, 0.0)]
    [InlineData(7, 10, 0.1)]
    [InlineData(33, 16, 0.0)]
    [InlineData(50, 1037, 0.2)]
    [InlineData(3, 20_011, 0.0)]
    [InlineData(5, 1, 0.0)]
    [InlineData(9, 48, 1.0)]
    public void Loss_and_gradient_match_float64(int rows, int classes, double smoothing)
    {
        var scores = Numbers.Normal(1, rows * classes, 0, 4);
        var labels = Numbers.Integers(2, rows, 0, classes);
        Check(scores, labels, classes, -100, smoothing);
    }

    [Theory]
    [InlineData(-100)]
    [InlineData(0)]
    [InlineData(7)]
    public void Ignored_labels_count_for_nothing(int ignored)
    {
        var labels = Numbers.Integers(3, 40, 0, 10);
        for (var i = 0; i < labels.Length; i += 3)
        {
            labels[i] = ignored;
        }

        Check(Numbers.Normal(4, 400), labels, 10, ignored, 0.1);
    }

    [Fact]
    public void All_labels_ignored_gives_zero()
    {
        var (loss, gradient) = Run([1, 2, 3, 4, float.NaN, 6], [-100, -100], 3);
        Assert.Equal(0, loss);
        Assert.Equal(new float[6], gradient);
    }

    [Fact]
    public void Huge_scores_stay_finite()
    {
        Check([1e4f, -1e4f, 0, -1e4f, 1e4f, 1e4f], [1, 0], 3, -100, 0.1);
        Check([3e38f, -3e38f, 0], [0], 3, -100, 0);
    }

    [Fact]
    public void Large_scores_lose_no_accuracy()
    {
        var scores = Numbers.Normal(5, 64 * 100, 4096);
        Check(scores, Numbers.Integers(6, 64, 0, 100), 100, -100, 0.1);
    }

    [Fact]
    public void A_NaN_score_makes_the_loss_NaN_wherever_it_lies()
    {
        for (var position = 0; position < 37; position++)
        {
            var scores = Numbers.Normal(7, 2 * 37);
            scores[position] = float.NaN;
            var (loss, gradient) = Run(scores, [3, 5], 37);
            Assert.True(float.IsNaN(loss), $"NaN at {position} gave the loss {loss}.");
            Assert.All(gradient[..37], value => Assert.True(float.IsNaN(value)));
            Assert.All(gradient[37..], value => Assert.True(float.IsFinite(value)));
        }
    }

    [Fact]
    public void Plus_infinity_gives_NaN_and_minus_infinity_is_a_class_with_probability_zero()
    {
        Assert.True(float.IsNaN(Run([1, float.PositiveInfinity, 2], [1], 3).Loss));
        var (loss, gradient) = Run([0, float.NegativeInfinity, 0], [0], 3);
        Assert.Equal(Math.Log(2), loss, 1e-7);
        Assert.Equal([-0.5f, 0, 0.5f], gradient);
        Assert.Equal(float.PositiveInfinity, Run([0, float.NegativeInfinity, 0], [1], 3).Loss);
    }

    [Theory]
    [InlineData(10)]
    [InlineData(-1)]
    [InlineData(long.MaxValue)]
    public void A_label_out_of_range_is_named_and_the_session_goes_on(long bad)
    {
        using var scores = OrtTensor.FromSingles(new float[30], 3, 10);
        using var labels = OrtTensor.FromInt64s([1, 2, bad], 3);
        using var session = fixture.Open("CrossEntropy", [scores, labels], outputs: 2, threads: 2);
        var error = Assert.Throws<OrtException>(() => session.Run(KernelFixture.Named([scores, labels])));
        Assert.Contains(
            $"Label {bad} at position 2 is not one of the 10 classes of the scores: labels go from 0 to 9, and -100 is ignored.",
            error.Message,
            StringComparison.Ordinal);

        labels.Span<long>()[2] = 9;
        var results = session.Run(KernelFixture.Named([scores, labels]));
        Assert.Equal(Math.Log(10), results[0].Span<float>()[0], 1e-6);
    }

    [Fact]
    public void The_number_of_labels_must_be_that_of_the_rows()
    {
        var error = Assert.Throws<OrtException>(() => Run(new float[30], [1, 2], 10, rows: 3));
        Assert.Contains("CrossEntropy: labels has 2 elements, but the other inputs ask for 3", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Smoothing_outside_0_to_1_is_refused()
    {
        var error = Assert.Throws<OrtException>(() => Run(new float[3], [1], 3, smoothing: 1.5));
        Assert.Contains("Node 'the_node': label_smoothing is 1.5, but must be from 0 to 1.", error.Message, StringComparison.Ordinal);
    }

    private void Check(float[] scores, long[] labels, int classes, long ignored, double smoothing)
    {
        var counted = labels.Count(label => label != ignored);
        var expectedLoss = 0.0;
        var expected = new double[scores.Length];
        for (var row = 0; row < labels.Length; row++)
        {
            if (labels[row] == ignored)
            {
                continue;
            }

            var z = Array.ConvertAll(scores[(row * classes)..((row + 1) * classes)], value => (double)value);
            var logSum = z.Max() + Math.Log(z.Sum(value => Math.Exp(value - z.Max())));
            for (var j = 0; j < classes; j++)
            {
                var wanted = ((j == labels[row] ? 1 : 0) * (1 - smoothing)) + (smoothing / classes);
                expectedLoss += wanted == 0 ? 0 : wanted * (logSum - z[j]);
                expected[(row * classes) + j] = (Math.Exp(z[j] - logSum) - wanted) / counted;
            }
        }

        var (loss, gradient) = Run(scores, labels, classes, ignored, smoothing);
        Assert.InRange(loss - (expectedLoss / counted), -3e-7 * (1 + (expectedLoss / counted)), 3e-7 * (1 + (expectedLoss / counted)));
        Numbers.Close([.. expected, 1.0 / counted], [.. gradient, 1f / counted], 3e-7);
    }

    private (float Loss, float[] Gradient) Run(
        float[] scores, long[] labels, int classes, long ignored = -100, double smoothing = 0, int? rows = null)
    {
        using var scoresTensor = OrtTensor.FromSingles(scores, rows ?? labels.Length, classes);
        using var labelsTensor = OrtTensor.FromInt64s(labels, labels.Length);
        var results = fixture.Run(
            "CrossEntropy", [scoresTensor, labelsTensor], outputs: 2,
            node => node.SetInt("ignore_index", ignored).SetFloat("label_smoothing", (float)smoothing));
        return (Assert.Single(results[0]), results[1]);
    }
}
