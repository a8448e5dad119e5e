namespace OrtZero.Sharding;

/// <summary>A parameter as a checkpoint knows it.</summary>
public sealed record CheckpointParameter
{
    /// <summary>Its name.</summary>
    public required string Name { get; init; }

    /// <summary>The lengths of its axes; empty for a scalar.</summary>
    public required long[] Shape { get; init; }

    /// <summary>The name of its group, or "frozen".</summary>
    public required string Group { get; init; }

    /// <summary>How many updates moved it. Null: all of the checkpoint's.</summary>
    public long? Updates { get; init; }
}
