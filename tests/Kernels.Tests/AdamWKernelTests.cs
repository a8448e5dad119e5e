namespace OrtZero.Kernels.Tests;

public class AdamWKernelTests
{
    private const double Rate = 3e-3;
    private const double Beta1 = 0.9;
    private const double Beta2 = 0.95;
    private const double Epsilon = 1e-8;
    private const double Decay = 0.1;
    private const float GradientScale = 0.25f;

    [Theory]
    [InlineData(1)]
    [InlineData(16)]
    [InlineData(1003)]
    public void Several_steps_follow_the_formula_in_float64(int length)
    {
        var weights = Numbers.Normal(1, length);
        var (first, second) = (new float[length], new float[length]);
        var w = Array.ConvertAll(weights, value => (double)value);
        var (m, v) = (new double[length], new double[length]);
        for (var step = 1; step <= 8; step++)
        {
            var gradients = Numbers.Normal(100 + step, length);
            AdamWKernel.Update(weights, gradients, first, second, Parameters(step));
            for (var i = 0; i < length; i++)
            {
                var g = (double)gradients[i] * GradientScale;
                m[i] = (Beta1 * m[i]) + ((1 - Beta1) * g);
                v[i] = (Beta2 * v[i]) + ((1 - Beta2) * g * g);
                w[i] -= Rate * Decay * w[i];
                w[i] -= Rate * (m[i] / (1 - Math.Pow(Beta1, step))) / (Math.Sqrt(v[i] / (1 - Math.Pow(Beta2, step))) + Epsilon);
            }
        }

        Numbers.Close(w, weights, 3e-7);
        Numbers.Close(m, first, 1e-6);
        Numbers.Close(v, second, 1e-6);
    }

    [Fact]
    public void A_range_cut_in_pieces_gives_the_same_bits()
    {
        const int length = 777;
        var gradients = Numbers.Normal(1, length);
        var whole = State();
        for (var step = 1; step <= 3; step++)
        {
            AdamWKernel.Update(whole.Weights, gradients, whole.First, whole.Second, Parameters(step));
        }

        foreach (var piece in new[] { 1, 7, 16, 33, 256 })
        {
            var cut = State();
            for (var step = 1; step <= 3; step++)
            {
                for (var start = 0; start < length; start += piece)
                {
                    var range = start..Math.Min(length, start + piece);
                    AdamWKernel.Update(
                        cut.Weights.AsSpan(range), gradients.AsSpan(range), cut.First.AsSpan(range), cut.Second.AsSpan(range), Parameters(step));
                }
            }

            Assert.Equal(KernelFixture.Bits(whole.Weights), KernelFixture.Bits(cut.Weights));
            Assert.Equal(KernelFixture.Bits(whole.First), KernelFixture.Bits(cut.First));
            Assert.Equal(KernelFixture.Bits(whole.Second), KernelFixture.Bits(cut.Second));
        }

        static (float[] Weights, float[] First, float[] Second) State() => (Numbers.Normal(2, length), new float[length], new float[length]);
    }

    [Fact]
    public void Elements_without_gradient_only_decay()
    {
        float[] weights = [2, -4];
        AdamWKernel.Update(weights, new float[2], new float[2], new float[2], Parameters(1));
        Assert.Equal([2 * (float)(1 - (Rate * Decay)), -4 * (float)(1 - (Rate * Decay))], weights);
    }

    [Fact]
    public void A_NaN_gradient_stays_in_its_element()
    {
        var weights = Numbers.Normal(1, 20);
        var gradients = Numbers.Normal(2, 20);
        gradients[3] = float.NaN;
        gradients[18] = float.NaN;
        AdamWKernel.Update(weights, gradients, new float[20], new float[20], Parameters(1));
        Assert.Equal([3, 18], Enumerable.Range(0, 20).Where(i => float.IsNaN(weights[i])));
    }

    [Fact]
    public void Spans_of_different_length_are_refused()
    {
        var error = Assert.Throws<ArgumentException>(() => AdamWKernel.Update(new float[4], new float[4], new float[3], new float[4], Parameters(1)));
        Assert.Equal("AdamW needs four spans of one length, not 4, 4, 3 and 4.", error.Message);
    }

    private static AdamWParameters Parameters(int step) => new()
    {
        LearningRate = Rate,
        Beta1 = Beta1,
        Beta2 = Beta2,
        Epsilon = Epsilon,
        WeightDecay = Decay,
        BiasCorrection1 = 1 - Math.Pow(Beta1, step),
        BiasCorrection2 = 1 - Math.Pow(Beta2, step),
        GradientScale = GradientScale,
    };
}
