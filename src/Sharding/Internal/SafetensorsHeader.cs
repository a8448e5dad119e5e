using System.Buffers.Binary;
using System.Text.Json;
using Microsoft.Win32.SafeHandles;
using OrtZero.Onnx;

namespace OrtZero.Sharding.Internal;

/// <summary>Reads and checks the header: the rules are those of the original's <c>validate</c>.</summary>
internal sealed class SafetensorsHeader
{
    public const string MetadataKey = "__metadata__";

    /// <summary>The original refuses longer headers, which also keeps a damaged length from asking for all memory.</summary>
    private const ulong MaxHeaderLength = 100_000_000;

    private SafetensorsHeader(IReadOnlyList<SafetensorsEntry> entries, IReadOnlyDictionary<string, string> metadata)
    {
        Entries = entries;
        Metadata = metadata;
    }

    public IReadOnlyList<SafetensorsEntry> Entries { get; }

    public IReadOnlyDictionary<string, string> Metadata { get; }

    /// <summary>The bytes of a tensor, or -1 when an axis is negative or the number overflows.</summary>
    public static long ByteLength(TensorElementType type, long[] shape)
    {
        var bytes = (Int128)(type.SizeInBits() / 8);
        foreach (var length in shape)
        {
            bytes = length < 0 || bytes > long.MaxValue ? -1 : bytes * length;
            if (bytes < 0)
            {
                return -1;
            }
        }

        return bytes > long.MaxValue ? -1 : (long)bytes;
    }

    public static SafetensorsHeader Read(string path, SafeFileHandle file)
    {
        var fileLength = RandomAccess.GetLength(file);
        var prefix = new byte[sizeof(ulong)];
        if (fileLength < prefix.Length || !Fill(file, prefix, 0))
        {
            throw new SafetensorsException($"'{path}' has {fileLength} bytes: too short for a safetensors file.");
        }

        var length = BinaryPrimitives.ReadUInt64LittleEndian(prefix);
        if (length > MaxHeaderLength || length > (ulong)(fileLength - prefix.Length))
        {
            throw new SafetensorsException(
                $"'{path}' announces a header of {length} bytes but has {fileLength - prefix.Length}: it was cut off or is not a safetensors file.");
        }

        var json = new byte[(int)length];
        if (!Fill(file, json, prefix.Length))
        {
            throw new SafetensorsException($"'{path}' ends inside its header: it was cut off.");
        }

        try
        {
            using var document = JsonDocument.Parse(json, new JsonDocumentOptions { AllowDuplicateProperties = false });
            return Parse(path, document.RootElement, prefix.Length + (long)length, fileLength);
        }
        catch (Exception exception) when (exception is JsonException or InvalidOperationException or FormatException or KeyNotFoundException
            or OverflowException)
        {
            throw new SafetensorsException($"The header of '{path}' is not valid: {exception.Message}", exception);
        }
    }

    private static SafetensorsHeader Parse(string path, JsonElement root, long dataStart, long fileLength)
    {
        var metadata = new Dictionary<string, string>(StringComparer.Ordinal);
        var entries = new List<SafetensorsEntry>();
        foreach (var property in root.EnumerateObject())
        {
            if (property.Name == MetadataKey)
            {
                foreach (var item in property.Value.EnumerateObject())
                {
                    metadata[item.Name] = item.Value.GetString() ?? throw new FormatException($"{MetadataKey} '{item.Name}' is null.");
                }
            }
            else
            {
                entries.Add(ParseEntry(path, property, dataStart));
            }
        }

        entries.Sort((left, right) => left.FileOffset != right.FileOffset
            ? left.FileOffset.CompareTo(right.FileOffset)
            : left.ByteLength.CompareTo(right.ByteLength));
        var position = dataStart;
        foreach (var entry in entries)
        {
            if (entry.FileOffset != position)
            {
                throw new SafetensorsException(
                    $"Tensor '{entry.Name}' of '{path}' begins at byte {entry.FileOffset - dataStart} of the data where {position - dataStart} was expected: tensors overlap or leave a gap.");
            }

            position += entry.ByteLength;
        }

        return position == fileLength
            ? new SafetensorsHeader(entries, metadata)
            : throw new SafetensorsException(
                $"'{path}' has {fileLength} bytes but its tensors end at byte {position}: it was cut off or something was appended.");
    }

    private static SafetensorsEntry ParseEntry(string path, JsonProperty property, long dataStart)
    {
        var typeName = property.Value.GetProperty("dtype").GetString();
        var type = SafetensorsTypes.Parse(typeName);
        if (type == TensorElementType.Undefined)
        {
            throw new SafetensorsException($"Tensor '{property.Name}' of '{path}' has the element type '{typeName}', which is not one of {SafetensorsTypes.Names}.");
        }

        long[] shape = [.. property.Value.GetProperty("shape").EnumerateArray().Select(length => length.GetInt64())];
        long[] offsets = [.. property.Value.GetProperty("data_offsets").EnumerateArray().Select(offset => offset.GetInt64())];
        var bytes = ByteLength(type, shape);
        if (offsets.Length != 2 || bytes < 0 || offsets[0] < 0 || offsets[1] - offsets[0] != bytes)
        {
            throw new SafetensorsException(
                $"Tensor '{property.Name}' of '{path}' is {typeName} [{string.Join(", ", shape)}], which does not fit its data_offsets [{string.Join(", ", offsets)}].");
        }

        return new SafetensorsEntry(property.Name, type, shape, checked(dataStart + offsets[0]), bytes);
    }

    private static bool Fill(SafeFileHandle file, byte[] target, long position)
    {
        var filled = 0;
        while (filled < target.Length)
        {
            var read = RandomAccess.Read(file, target.AsSpan(filled), position + filled);
            if (read == 0)
            {
                return false;
            }

            filled += read;
        }

        return true;
    }
}
