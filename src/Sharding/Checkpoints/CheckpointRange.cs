namespace OrtZero.Sharding;

/// <summary>A stretch of a tensor.</summary>
public sealed record CheckpointRange
{
    /// <summary>The parameter's name.</summary>
    public required string Parameter { get; init; }

    /// <summary>The first element, in row-major order.</summary>
    public required long Start { get; init; }

    /// <summary>The number of elements.</summary>
    public required long Length { get; init; }
}
