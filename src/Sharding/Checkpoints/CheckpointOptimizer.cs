namespace OrtZero.Sharding;

/// <summary>Which optimizer wrote a checkpoint.</summary>
public sealed record CheckpointOptimizer
{
    /// <summary>Its name, as in the configuration.</summary>
    public required string Type { get; init; }

    /// <summary>The names of the states that the shards hold beside the parameters.</summary>
    public required IReadOnlyList<string> States { get; init; }
}
