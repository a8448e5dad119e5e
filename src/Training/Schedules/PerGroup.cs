using System.Globalization;

namespace OrtZero.Training;

/// <summary>A number for every parameter group, or one for all of them: written as a number, or as a list in the order of
/// <c>rankworker groups</c>.</summary>
/// <param name="values">One number per group, or a single one for all.</param>
/// <param name="isList">Whether it is written as a list.</param>
public sealed class PerGroup(IReadOnlyList<double> values, bool isList) : IEquatable<PerGroup>
{
    /// <summary>The numbers as they are written.</summary>
    public IReadOnlyList<double> Values { get; } = values;

    /// <summary>Whether each group has a number of its own.</summary>
    public bool IsList { get; } = isList;

    /// <summary>One number for all groups.</summary>
    public static implicit operator PerGroup(double value) => FromDouble(value);

    /// <summary>One number for all groups.</summary>
    public static PerGroup FromDouble(double value) => new([value], false);

    /// <summary>The number of one group.</summary>
    public double Of(int group) => IsList ? Values[group] : Values[0];

    /// <inheritdoc/>
    public bool Equals(PerGroup? other) => other is not null && IsList == other.IsList && Values.SequenceEqual(other.Values);

    /// <inheritdoc/>
    public override bool Equals(object? obj) => Equals(obj as PerGroup);

    /// <inheritdoc/>
    public override int GetHashCode() => HashCode.Combine(IsList, Values.Count, Values.Count > 0 ? Values[0] : 0);

    /// <summary>As it is written in cfg.json.</summary>
    public override string ToString()
    {
        var numbers = string.Join(", ", Values.Select(value => value.ToString("R", CultureInfo.InvariantCulture)));
        return IsList ? $"[{numbers}]" : numbers;
    }
}
