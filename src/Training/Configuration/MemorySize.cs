using System.Globalization;

namespace OrtZero.Training;

/// <summary>An amount of memory, written with its unit.</summary>
/// <param name="Bytes">In bytes.</param>
public sealed record MemorySize(long Bytes)
{
    private static readonly (string Suffix, double Factor)[] s_units =
    [
        ("KiB", 1L << 10), ("MiB", 1L << 20), ("GiB", 1L << 30), ("TiB", 1L << 40), ("KB", 1e3), ("MB", 1e6), ("GB", 1e9), ("TB", 1e12), ("B", 1), ("", 1),
    ];

    /// <summary>Reads "64MiB", "16GB" or "16e9"; null if the text is no positive number of bytes.</summary>
    public static MemorySize? TryParse(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        var (suffix, factor) = s_units.First(unit => text.EndsWith(unit.Suffix, StringComparison.OrdinalIgnoreCase));
        return double.TryParse(text[..^suffix.Length], NumberStyles.Float, CultureInfo.InvariantCulture, out var number) && number * factor is >= 1 and < long.MaxValue
            ? new MemorySize((long)(number * factor))
            : null;
    }
}
