using System.Text.Json.Serialization;

namespace OrtZero.Sharding;

/// <summary>The settings of a parameter group when the checkpoint was written, before any schedule. Groups are matched by name,
/// never by position.</summary>
public sealed record CheckpointGroup
{
    /// <summary>Its name.</summary>
    public required string Name { get; init; }

    /// <summary>Learning rate.</summary>
    [JsonPropertyName("lr")]
    public required double LearningRate { get; init; }

    /// <summary>Weight decay.</summary>
    public required double WeightDecay { get; init; }

    /// <summary>Decay rates of the first and second moment.</summary>
    public required double[] Betas { get; init; }

    /// <summary>Added to the root of the second moment.</summary>
    [JsonPropertyName("eps")]
    public required double Epsilon { get; init; }

    /// <summary>Momentum of the optimizers that have one of that name.</summary>
    public double Momentum { get; init; }
}
