using System.Numerics;

namespace OrtZero.Kernels.Tests;

public class VectorMathTests
{
    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(15)]
    [InlineData(63)]
    [InlineData(64)]
    [InlineData(256)]
    [InlineData(4095)]
    [InlineData(4097)]
    [InlineData(1_000_003)]
    public void Sum_of_squares_is_exact_to_float64(int length)
    {
        // Magnitudes from 2^-10 to 2^10, so that small terms meet large sums.
        var random = new Random(length);
        var values = new float[length];
        var exact = BigInteger.Zero;
        for (var i = 0; i < length; i++)
        {
            values[i] = MathF.ScaleB(random.NextSingle() - 0.5f, random.Next(-10, 11));
            var whole = new BigInteger(Math.ScaleB(values[i], 40));
            exact += whole * whole;
        }

        var expected = Math.ScaleB((double)exact, -80);
        Assert.InRange(VectorMath.SumOfSquares(values), expected * (1 - 1e-15), expected * (1 + 1e-15));
    }

    [Fact]
    public void Sum_of_squares_does_not_depend_on_where_the_values_lie()
    {
        var values = Numbers.Normal(1, 5_003);
        var expected = VectorMath.SumOfSquares(values);
        var room = new float[values.Length + 40];
        for (var offset = 0; offset < 40; offset++)
        {
            values.CopyTo(room, offset);
            Assert.Equal(expected, VectorMath.SumOfSquares(room.AsSpan(offset, values.Length)));
        }
    }

    [Fact]
    public void Sum_of_squares_does_not_overflow_and_shows_values_that_are_not_finite()
    {
        var largest = VectorMath.SumOfSquares(Enumerable.Repeat(float.MaxValue, 8192).ToArray());
        Assert.InRange(largest / float.MaxValue / float.MaxValue, 8192 * (1 - 2e-15), 8192 * (1 + 2e-15));
        foreach (var position in new[] { 0, 70, 4096, 8191 })
        {
            var values = new float[8192];
            values[position] = float.NegativeInfinity;
            Assert.Equal(double.PositiveInfinity, VectorMath.SumOfSquares(values));
            values[position] = float.NaN;
            Assert.Equal(double.NaN, VectorMath.SumOfSquares(values));
        }
    }

    [Theory]
    [InlineData(float.NaN)]
    [InlineData(float.PositiveInfinity)]
    [InlineData(float.NegativeInfinity)]
    public void First_value_that_is_not_finite_is_found_everywhere(float bad)
    {
        for (var length = 1; length < 70; length++)
        {
            for (var position = 0; position < length; position++)
            {
                var values = Enumerable.Repeat(float.MaxValue, length).ToArray();
                Assert.Equal(-1, VectorMath.IndexOfNonFinite(values));
                Assert.True(VectorMath.AllFinite(values));
                values[^1] = float.NaN;
                values[position] = bad;
                Assert.Equal(position, VectorMath.IndexOfNonFinite(values));
                Assert.False(VectorMath.AllFinite(values));
            }
        }

        Assert.Equal(-1, VectorMath.IndexOfNonFinite([]));
    }

    [Fact]
    public void Add_and_scale_work_on_every_element()
    {
        for (var length = 0; length < 70; length++)
        {
            var target = Numbers.Normal(1, length);
            var source = Numbers.Normal(2, length);
            var expected = target.Zip(source, (a, b) => (a + b) * 0.3f).ToArray();
            VectorMath.Add(target, source);
            VectorMath.Scale(target, 0.3f);
            Assert.Equal(expected, target);
        }

        Assert.Throws<ArgumentException>(() => VectorMath.Add(new float[2], new float[3]));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(7)]
    [InlineData(31)]
    [InlineData(32)]
    [InlineData(1000)]
    public void Differences_and_zeros_are_those_of_every_element(int length)
    {
        var random = new Random(length);
        var left = Enumerable.Range(0, length).Select(i => i % 3 == 0 ? 0f : i % 5 == 0 ? -0f : random.NextSingle()).ToArray();
        var right = left.Select(value => value + (1e-7f * random.NextSingle())).ToArray();

        var expected = left.Zip(right).Sum(pair => ((double)pair.First - pair.Second) * ((double)pair.First - pair.Second));
        Assert.Equal(expected, VectorMath.SumOfSquaredDifferences(left, right), expected * 1e-14);
        Assert.Equal(left.Count(value => value == 0), VectorMath.CountZeros(left));
    }

    [Fact]
    public void Differences_need_equal_lengths() =>
        Assert.Throws<ArgumentException>(() => VectorMath.SumOfSquaredDifferences(new float[3], new float[4]));
}
