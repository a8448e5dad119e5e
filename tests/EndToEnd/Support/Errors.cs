namespace OrtZero.EndToEnd.Support;

/// <summary>How far numbers are from those of the original.</summary>
internal static class Errors
{
    /// <summary>The largest |actual - expected| / |expected|.</summary>
    public static double Relative(IReadOnlyList<double> actual, IReadOnlyList<double> expected)
    {
        Assert.Equal(expected.Count, actual.Count);
        return actual.Zip(expected, (a, e) => Math.Abs(a - e) / Math.Abs(e)).Max();
    }

    /// <summary>The Euclidean distance of two tensors and the norm of the expected one.</summary>
    public static (double Distance, double Norm) Distance(IReadOnlyList<float> actual, IReadOnlyList<double> expected)
    {
        Assert.Equal(expected.Count, actual.Count);
        var distance = Math.Sqrt(actual.Zip(expected, (a, e) => (a - e) * (a - e)).Sum());
        return (distance, Math.Sqrt(expected.Sum(value => value * value)));
    }

    /// <summary>A matrix [columns, rows] turned into [rows, columns].</summary>
    public static float[] Transpose(IReadOnlyList<float> values, int rows, int columns)
    {
        var turned = new float[values.Count];
        for (var row = 0; row < rows; row++)
        {
            for (var column = 0; column < columns; column++)
            {
                turned[(row * columns) + column] = values[(column * rows) + row];
            }
        }

        return turned;
    }
}
