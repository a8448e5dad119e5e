namespace OrtZero.Onnx;

/// <summary>The name, element type and shape of a value.</summary>
/// <param name="Name">The value's name in the graph.</param>
/// <param name="Type">The element type.</param>
/// <param name="Shape">The lengths of the axes, empty for a scalar; -1 where a length is not known.</param>
public sealed record ValueDescription(string Name, TensorElementType Type, long[] Shape)
{
    /// <summary>The number of axes.</summary>
    public int Rank => Shape.Length;

    /// <summary>The number of elements, or -1 when an axis is not known.</summary>
    public long ElementCount => Array.Exists(Shape, length => length < 0) ? -1 : Shape.Aggregate(1L, (count, length) => checked(count * length));

    /// <summary>The value in words: <c>'logits' Float [8, 16, 32]</c>.</summary>
    public override string ToString() => $"'{Name}' {Type} [{string.Join(", ", Shape)}]";

    /// <summary>Whether name, type and every axis agree.</summary>
    public bool Equals(ValueDescription? other) =>
        other is not null && Name == other.Name && Type == other.Type && Shape.AsSpan().SequenceEqual(other.Shape);

    /// <inheritdoc/>
    public override int GetHashCode() => HashCode.Combine(Name, Type, Shape.Length);
}
