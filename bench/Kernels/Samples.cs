namespace OrtZero.KernelBenchmark;

/// <summary>Numbers to compute with, the same in every run.</summary>
internal static class Samples
{
    /// <summary>Numbers from -1 to 1.</summary>
    internal static float[] Floats(int count, int seed)
    {
        var random = new Random(seed);
        var values = new float[count];
        for (var index = 0; index < count; index++)
        {
            values[index] = (2 * random.NextSingle()) - 1;
        }

        return values;
    }

    /// <summary>Class numbers below a limit.</summary>
    internal static long[] Labels(int count, int classes, int seed)
    {
        var random = new Random(seed);
        var values = new long[count];
        for (var index = 0; index < count; index++)
        {
            values[index] = random.Next(classes);
        }

        return values;
    }
}
