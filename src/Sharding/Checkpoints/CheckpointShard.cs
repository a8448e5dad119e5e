using System.Text.Json.Serialization;

namespace OrtZero.Sharding;

/// <summary>One rank's file in a checkpoint.</summary>
public sealed record CheckpointShard
{
    /// <summary>The rank that wrote it.</summary>
    public required int Rank { get; init; }

    /// <summary>The file name inside the checkpoint's directory.</summary>
    public required string File { get; init; }

    /// <summary>Its length.</summary>
    public required long Bytes { get; init; }

    /// <summary>Its CRC-32C, eight hexadecimal digits.</summary>
    [JsonPropertyName("crc32c")]
    public required string Checksum { get; init; }

    /// <summary>The CRC-32C of the data of each of its tensors, by name. Null in checkpoints written before there was one.</summary>
    public IReadOnlyDictionary<string, string>? Tensors { get; init; }

    /// <summary>What it holds: the parameter and the optimizer's states of each range.</summary>
    public required IReadOnlyList<CheckpointRange> Ranges { get; init; }
}
