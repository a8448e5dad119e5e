using System.Runtime.Intrinsics;
using OrtZero.Kernels.Internal;

namespace OrtZero.Kernels.Tests;

public class TranscendentalTests
{
    [Fact]
    public void Exp_is_within_one_unit_in_the_last_place()
    {
        var worst = 0.0;
        for (var x = -87.3f; x < 88.7f; x += 0.00137f)
        {
            var expected = Math.Exp(x);
            worst = Math.Max(worst, Math.Abs(Exp(x) - expected) / UnitInTheLastPlace(expected));
        }

        Assert.InRange(worst, 0, 1);
    }

    [Fact]
    public void Exp_goes_through_subnormal_numbers_to_zero()
    {
        for (var x = -103.9f; x < -87.3f; x += 0.013f)
        {
            Assert.InRange(Math.Abs(Exp(x) - Math.Exp(x)), 0, 1.01 * float.Epsilon);
        }

        Assert.Equal(0, Exp(-105));
        Assert.Equal(0, Exp(-1e30f));
    }

    [Fact]
    public void Exp_of_special_values_is_exact()
    {
        Assert.Equal(1, Exp(0));
        Assert.Equal(1, Exp(-0f));
        Assert.Equal(0, Exp(float.NegativeInfinity));
        Assert.Equal(float.PositiveInfinity, Exp(float.PositiveInfinity));
        Assert.Equal(float.PositiveInfinity, Exp(88.8f));
        Assert.True(float.IsNaN(Exp(float.NaN)));
    }

    [Fact]
    public void Normal_distribution_is_accurate_over_a_dense_grid()
    {
        var (relative, absolute, bell) = (0.0, 0.0, 0.0);
        for (var i = -13 * 2048; i <= 13 * 2048; i++)
        {
            var x = i / 2048f;
            var (cumulative, density) = Transcendental.Normal(Vector512.Create(x));
            var expected = NormalReference.Cumulative(x);
            relative = Math.Max(relative, Math.Abs(cumulative[0] - expected) / expected);
            absolute = Math.Max(absolute, Math.Abs(cumulative[0] - expected));
            bell = Math.Max(bell, Math.Abs((density[0] / Math.Exp(-0.5 * x * x)) - 1));
        }

        Assert.InRange(relative, 0, 3.6e-7);
        Assert.InRange(absolute, 0, 1e-7);
        Assert.InRange(bell, 0, 1.3e-7);
    }

    [Fact]
    public void Sigmoid_and_its_complement_are_relatively_accurate()
    {
        var worst = 0.0;
        for (var x = -87f; x < 87; x += 0.00377f)
        {
            var (value, complement) = Transcendental.Sigmoid(Vector512.Create(x));
            worst = Math.Max(worst, Math.Abs((value[0] * (1 + Math.Exp(-(double)x))) - 1));
            worst = Math.Max(worst, Math.Abs((complement[0] * (1 + Math.Exp(x))) - 1));
        }

        Assert.InRange(worst, 0, 2.5e-7);
    }

    private static float Exp(float x) => Transcendental.Exp(Vector512.Create(x))[0];

    private static double UnitInTheLastPlace(double value) => Math.ScaleB(1, Math.ILogB(value) - 23);
}
