namespace OrtZero.Kernels.Tests;

/// <summary>The standard normal distribution in float64, by series and continued fraction.</summary>
internal static class NormalReference
{
    public static double Density(double x) => Math.Exp(-0.5 * x * x) / Math.Sqrt(2 * Math.PI);

    /// <summary>Phi(x), relatively accurate in the lower tail too.</summary>
    public static double Cumulative(double x) => x switch
    {
        > 0 => 1 - Cumulative(-x),
        > -3 => 0.5 - (Density(x) * Series(-x)),
        _ => Density(x) * Mills(-x),
    };

    /// <summary>x + x³/3 + x⁵/15 + …: (Phi(x) - 1/2) / phi(x).</summary>
    private static double Series(double x)
    {
        var term = x;
        var sum = x;
        for (var n = 3; Math.Abs(term) > 1e-18 * sum; n += 2)
        {
            term *= x * x / n;
            sum += term;
        }

        return sum;
    }

    /// <summary>(1 - Phi(x)) / phi(x) = 1/(x + 1/(x + 2/(x + 3/(x + …)))).</summary>
    private static double Mills(double x)
    {
        var fraction = x;
        for (var k = 400; k >= 1; k--)
        {
            fraction = x + (k / fraction);
        }

        return 1 / fraction;
    }
}
