using System.Globalization;

namespace OrtZero.Onnx;

/// <summary>One axis of a value's declared shape: a length, a symbol such as <c>batch</c>, or neither when nothing is known.</summary>
/// <param name="Length">The length, or null.</param>
/// <param name="Symbol">The symbol, or null.</param>
public readonly record struct Dimension(long? Length, string? Symbol)
{
    /// <summary>An axis about which nothing is known.</summary>
    public static Dimension Unknown => default;

    /// <summary>An axis of known length.</summary>
    public static implicit operator Dimension(long length) => FromInt64(length);

    /// <summary>An axis with a symbol for its length.</summary>
    public static implicit operator Dimension(string symbol) => FromString(symbol);

    /// <summary>An axis of known length.</summary>
    public static Dimension FromInt64(long length) => new(length, null);

    /// <summary>An axis with a symbol for its length.</summary>
    public static Dimension FromString(string symbol) => new(null, symbol);

    /// <summary>The length, the symbol, or <c>?</c>.</summary>
    public override string ToString() => Length?.ToString(CultureInfo.InvariantCulture) ?? Symbol ?? "?";
}
