namespace OrtZero.Sharding;

/// <summary>
/// What one update did to the parameters of a group that are trained at the moment; equal on every rank. Sums are in float64, in an
/// order that depends on no number of ranks and no stage.
/// </summary>
public readonly record struct GroupMeasurement
{
    /// <summary>The number of elements that are trained; 0 for a group that sleeps, whose other numbers mean nothing.</summary>
    public required long Elements { get; init; }

    /// <summary>How many elements of the gradient are exactly 0.</summary>
    public required long Zeros { get; init; }

    /// <summary>The L2 norm of the divided gradient, before clipping; NaN or infinity when an element is.</summary>
    public required double GradientNorm { get; init; }

    /// <summary>The L2 norm of the parameters before the update; NaN when the update was skipped.</summary>
    public required double ParameterNorm { get; init; }

    /// <summary>The L2 norm of what the update added to the parameters; NaN when it was skipped.</summary>
    public required double UpdateNorm { get; init; }

    /// <summary>The update's norm divided by the parameters'; NaN where that is 0 divided by 0 or the update was skipped.</summary>
    public double UpdateRatio => UpdateNorm / ParameterNorm;

    /// <summary>The share of gradient elements that are exactly 0, from 0 to 1.</summary>
    public double ZeroShare => (double)Zeros / Elements;
}
