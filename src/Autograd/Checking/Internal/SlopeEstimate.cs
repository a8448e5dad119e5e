namespace OrtZero.Autograd.Internal;

/// <summary>The slope of a function of one number at 0, from central differences at ever smaller steps.</summary>
/// <param name="Slope">The estimate.</param>
/// <param name="Error">How far it may be off: its difference from the estimate of the step before, and rounding.</param>
internal readonly record struct SlopeEstimate(double Slope, double Error)
{
    private const int Levels = 14;

    /// <summary>
    /// Halves the step until the estimates settle. Each is of fourth order: (4·D(h) - D(2h))/3 for central differences D of second order
    /// (Richardson's extrapolation).
    /// </summary>
    /// <param name="function">Value at a step, and the step that was really made.</param>
    /// <param name="firstStep">The largest step.</param>
    /// <param name="rounding">The error that one value may have.</param>
    /// <param name="goodEnough">An error below which no smaller step is tried.</param>
    public static SlopeEstimate Of(Func<double, (double Value, double Step)> function, double firstStep, double rounding, double goodEnough)
    {
        var best = new SlopeEstimate(double.NaN, double.PositiveInfinity);
        var (coarse, fourth) = (double.NaN, double.NaN);
        var step = firstStep;
        for (var level = 0; level < Levels; level++, step /= 2)
        {
            // Below this, rounding alone is more than all that could be learned.
            if (rounding / step > Math.Max(best.Error, goodEnough) && level > 2)
            {
                break;
            }

            var (above, up) = function(step);
            var (below, down) = function(-step);
            if (up <= 0 || down >= 0)
            {
                break;
            }

            var central = (above - below) / (up - down);
            var estimate = ((4 * central) - coarse) / 3;
            var error = Math.Abs(estimate - fourth) + (2 * rounding / (up - down));
            if (error < best.Error)
            {
                best = new SlopeEstimate(estimate, error);
                if (error <= goodEnough)
                {
                    break;
                }
            }

            (coarse, fourth) = (central, estimate);
        }

        return best;
    }
}
