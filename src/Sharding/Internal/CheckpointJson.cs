using System.Text.Json.Serialization;

namespace OrtZero.Sharding.Internal;

/// <summary>Reads and writes the records of a manifest.</summary>
[JsonSourceGenerationOptions(WriteIndented = true, PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower)]
[JsonSerializable(typeof(CheckpointManifest))]
[JsonSerializable(typeof(CheckpointShard))]
internal sealed partial class CheckpointJson : JsonSerializerContext;
