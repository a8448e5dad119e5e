using System.Globalization;
using System.Text;
using System.Text.Json;

namespace OrtZero.Sharding.Internal;

/// <summary>
/// manifest.json: an object whose last property, <c>manifest_crc32c</c>, is the CRC-32C of every byte before that property's line.
/// </summary>
internal static class ManifestFile
{
    private const string ChecksumLine = "  \"manifest_crc32c\": \"";

    public static string Hexadecimal(uint checksum) => checksum.ToString("x8", CultureInfo.InvariantCulture);

    public static string Serialize(CheckpointShard shard) => JsonSerializer.Serialize(shard, CheckpointJson.Default.CheckpointShard);

    public static CheckpointShard ParseShard(string json) => JsonSerializer.Deserialize(json, CheckpointJson.Default.CheckpointShard)!;

    public static void Write(string directory, CheckpointManifest manifest, DurableStorage storage)
    {
        var json = JsonSerializer.Serialize(manifest, CheckpointJson.Default.CheckpointManifest).ReplaceLineEndings("\n");
        var body = Encoding.UTF8.GetBytes(json[..json.LastIndexOf('\n')] + ",\n");
        var end = Encoding.UTF8.GetBytes($"{ChecksumLine}{Hexadecimal(Crc32C.Of(body))}\"\n}}\n");
        storage.Write(Path.Combine(directory, ShardedCheckpoint.ManifestName), body.Length + end.Length, stream =>
        {
            stream.Write(body);
            stream.Write(end);
        });
    }

    /// <exception cref="CheckpointException">There is no manifest, or it is damaged or of a newer version.</exception>
    public static CheckpointManifest Read(string directory)
    {
        var path = Path.Combine(directory, ShardedCheckpoint.ManifestName);
        try
        {
            if (!File.Exists(path))
            {
                throw new CheckpointException($"'{directory}' is not a complete checkpoint: it has no {ShardedCheckpoint.ManifestName}.");
            }

            var bytes = File.ReadAllBytes(path);
            CheckChecksum(path, bytes);
            var manifest = JsonSerializer.Deserialize(bytes, CheckpointJson.Default.CheckpointManifest);
            if (manifest?.Format != CheckpointManifest.FormatName || manifest.Version > CheckpointManifest.CurrentVersion)
            {
                throw new CheckpointException(
                    $"'{path}' is of format '{manifest?.Format}' version {manifest?.Version}, but this program reads '{CheckpointManifest.FormatName}' up to version {CheckpointManifest.CurrentVersion}: use a newer program.");
            }

            return manifest;
        }
        catch (Exception exception) when (exception is JsonException or IOException or UnauthorizedAccessException)
        {
            throw new CheckpointException($"The manifest '{path}' cannot be read: {exception.Message} Resume from an earlier checkpoint.", exception);
        }
    }

    private static void CheckChecksum(string path, byte[] bytes)
    {
        var start = bytes.AsSpan().LastIndexOf(Encoding.UTF8.GetBytes(ChecksumLine));
        var valid = start >= 0 && bytes.AsSpan(start).SequenceEqual(
            Encoding.UTF8.GetBytes($"{ChecksumLine}{Hexadecimal(Crc32C.Of(bytes.AsSpan(0, start)))}\"\n}}\n"));
        if (!valid)
        {
            throw new CheckpointException($"The manifest '{path}' is damaged: its checksum does not fit. Resume from an earlier checkpoint.");
        }
    }
}
