namespace OrtZero.Autograd;

/// <summary>What <see cref="RandomInputs"/> makes up.</summary>
public sealed record RandomInputOptions
{
    /// <summary>Lengths of symbolic axes by their names. Default: 2 for a first axis, 8 for others.</summary>
    public IReadOnlyDictionary<string, long> Dimensions { get; init; } = new Dictionary<string, long>();

    /// <summary>Lowest and highest value by input. Default: normal numbers for real inputs, the rows of the table that an integer input indexes.</summary>
    public IReadOnlyDictionary<string, (double Low, double High)> Ranges { get; init; } = new Dictionary<string, (double, double)>();

    /// <summary>Seed of the values. Default: 0.</summary>
    public int Seed { get; init; }
}
