using System.Buffers;
using System.Buffers.Binary;
using System.Text.Encodings.Web;
using System.Text.Json;
using OrtZero.Onnx;

namespace OrtZero.Sharding.Internal;

/// <summary>A tensor to write whose bytes need not be in managed memory.</summary>
internal sealed record SafetensorsSource(string Name, TensorElementType Type, long[] Shape, long ByteLength, Action<Stream> Write);

internal static class SafetensorsWriter
{
    /// <summary>Writes a file.</summary>
    /// <param name="storage">Where to.</param>
    /// <param name="path">The file.</param>
    /// <param name="tensors">What it holds.</param>
    /// <param name="metadata">Strings to keep, or null.</param>
    /// <param name="checksums">Receives the CRC-32C of every tensor's data by name, or null.</param>
    /// <returns>Length and CRC-32C of the file.</returns>
    public static (long Length, uint Checksum) Write(
        DurableStorage storage, string path, IReadOnlyList<SafetensorsSource> tensors, IReadOnlyDictionary<string, string>? metadata,
        IDictionary<string, uint>? checksums = null)
    {
        Check(path, tensors);
        // Wider types first: with the header a multiple of 8 bytes long, every tensor is then aligned to its own elements.
        var ordered = tensors.OrderByDescending(tensor => tensor.Type.SizeInBits()).ToList();
        var header = Header(ordered, metadata);
        return storage.Write(path, header.Length + ordered.Sum(tensor => tensor.ByteLength), stream =>
        {
            stream.Write(header);
            foreach (var tensor in ordered)
            {
                var start = stream.Position;
                stream.BeginPart();
                tensor.Write(stream);
                if (stream.Position - start != tensor.ByteLength)
                {
                    throw new InvalidOperationException($"Tensor '{tensor.Name}' wrote {stream.Position - start} of {tensor.ByteLength} bytes.");
                }

                checksums?.Add(tensor.Name, stream.PartChecksum);
            }
        });
    }

    private static void Check(string path, IReadOnlyList<SafetensorsSource> tensors)
    {
        var names = new HashSet<string>(StringComparer.Ordinal);
        foreach (var tensor in tensors)
        {
            if (tensor.Name == SafetensorsHeader.MetadataKey || !names.Add(tensor.Name))
            {
                throw new SafetensorsException($"Cannot write '{path}': the tensor name '{tensor.Name}' is reserved or used twice.");
            }

            if (SafetensorsTypes.NameOf(tensor.Type) is null)
            {
                throw new SafetensorsException(
                    $"Cannot write tensor '{tensor.Name}' to '{path}': the format has no element type {tensor.Type}, only {SafetensorsTypes.Names}.");
            }

            var bytes = SafetensorsHeader.ByteLength(tensor.Type, tensor.Shape);
            if (bytes != tensor.ByteLength)
            {
                throw new SafetensorsException(
                    $"Cannot write tensor '{tensor.Name}' to '{path}': {tensor.Type} [{string.Join(", ", tensor.Shape)}] takes {bytes} bytes but {tensor.ByteLength} were given.");
            }
        }
    }

    private static byte[] Header(List<SafetensorsSource> tensors, IReadOnlyDictionary<string, string>? metadata)
    {
        var json = new ArrayBufferWriter<byte>();
        json.Write(new byte[sizeof(ulong)]);
        using (var writer = new Utf8JsonWriter(json, new JsonWriterOptions { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping }))
        {
            writer.WriteStartObject();
            WriteMetadata(writer, metadata);
            var offset = 0L;
            foreach (var tensor in tensors)
            {
                writer.WriteStartObject(tensor.Name);
                writer.WriteString("dtype", SafetensorsTypes.NameOf(tensor.Type));
                WriteNumbers(writer, "shape", tensor.Shape);
                WriteNumbers(writer, "data_offsets", [offset, offset + tensor.ByteLength]);
                writer.WriteEndObject();
                offset += tensor.ByteLength;
            }

            writer.WriteEndObject();
        }

        var padding = (sizeof(ulong) - (json.WrittenCount % sizeof(ulong))) % sizeof(ulong);
        json.GetSpan(padding)[..padding].Fill((byte)' ');
        json.Advance(padding);
        var header = json.WrittenSpan.ToArray();
        BinaryPrimitives.WriteUInt64LittleEndian(header, (ulong)(header.Length - sizeof(ulong)));
        return header;
    }

    private static void WriteMetadata(Utf8JsonWriter writer, IReadOnlyDictionary<string, string>? metadata)
    {
        if (metadata is { Count: > 0 })
        {
            writer.WriteStartObject(SafetensorsHeader.MetadataKey);
            foreach (var (key, value) in metadata)
            {
                writer.WriteString(key, value);
            }

            writer.WriteEndObject();
        }
    }

    private static void WriteNumbers(Utf8JsonWriter writer, string name, long[] values)
    {
        writer.WriteStartArray(name);
        foreach (var value in values)
        {
            writer.WriteNumberValue(value);
        }

        writer.WriteEndArray();
    }
}
