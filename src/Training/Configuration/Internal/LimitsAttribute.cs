namespace OrtZero.Training.Internal;

/// <summary>The values a number (or every number of a list) of cfg.json may have; checked when binding, stated in the schema.</summary>
[AttributeUsage(AttributeTargets.Property)]
internal sealed class LimitsAttribute : Attribute
{
    /// <summary>The smallest value allowed; NaN for none.</summary>
    public double AtLeast { get; init; } = double.NaN;

    /// <summary>The value must be greater than this; NaN for none.</summary>
    public double Above { get; init; } = double.NaN;

    /// <summary>The largest value allowed; NaN for none.</summary>
    public double AtMost { get; init; } = double.NaN;

    /// <summary>The value must be smaller than this; NaN for none.</summary>
    public double Below { get; init; } = double.NaN;

    /// <summary>Whether a value is within every limit.</summary>
    public bool Allows(double value) =>
        !(value < AtLeast) && !(value <= Above) && !(value > AtMost) && !(value >= Below);

    /// <summary>The limits in words, for example "at least 0 and below 1".</summary>
    public string Describe()
    {
        var parts = new List<string>(2);
        Add("at least", AtLeast);
        Add("above", Above);
        Add("at most", AtMost);
        Add("below", Below);
        return string.Join(" and ", parts);

        void Add(string words, double limit)
        {
            if (!double.IsNaN(limit))
            {
                parts.Add(FormattableString.Invariant($"{words} {limit}"));
            }
        }
    }
}
