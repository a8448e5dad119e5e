namespace OrtZero.Kernels.Tests;

/// <summary>Inputs drawn from a seed, and comparison with float64.</summary>
internal static class Numbers
{
    /// <summary>Roughly normal values.</summary>
    public static float[] Normal(int seed, int count, double mean = 0, double deviation = 1)
    {
        var random = new Random(seed);
        var values = new float[count];
        for (var i = 0; i < count; i++)
        {
            var root = Math.Sqrt(-2 * Math.Log(1 - random.NextDouble()));
            values[i] = (float)(mean + (deviation * root * Math.Cos(2 * Math.PI * random.NextDouble())));
        }

        return values;
    }

    public static long[] Integers(int seed, int count, long from, long below)
    {
        var random = new Random(seed);
        return [.. Enumerable.Range(0, count).Select(_ => random.NextInt64(from, below))];
    }

    /// <summary>Every element within <paramref name="tolerance"/> of the largest expected magnitude.</summary>
    public static void Close(double[] expected, float[] actual, double tolerance)
    {
        Assert.Equal(expected.Length, actual.Length);
        var size = expected.Length == 0 ? 0 : expected.Max(Math.Abs);
        for (var i = 0; i < expected.Length; i++)
        {
            Assert.True(
                Math.Abs(expected[i] - actual[i]) <= tolerance * size, $"Element {i}: expected {expected[i]:R}, got {actual[i]:R}, scale {size:R}.");
        }
    }
}
