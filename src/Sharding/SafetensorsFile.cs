using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;
using OrtZero.Onnx;
using OrtZero.Sharding.Internal;

namespace OrtZero.Sharding;

/// <summary>
/// Hugging Face's tensor container: u64 little-endian header length | JSON header padded with spaces to a multiple of 8 | tensor
/// data without gaps. Files written here load in the original library, and what that refuses is refused here.
/// </summary>
public sealed class SafetensorsFile : IDisposable
{
    private readonly SafeFileHandle _file;
    private readonly Dictionary<string, SafetensorsEntry> _byName;

    private SafetensorsFile(string path, SafeFileHandle file, SafetensorsHeader header)
    {
        Path = path;
        _file = file;
        Entries = header.Entries;
        Metadata = header.Metadata;
        _byName = header.Entries.ToDictionary(entry => entry.Name, StringComparer.Ordinal);
    }

    /// <summary>The file.</summary>
    public string Path { get; }

    /// <summary>The tensors in the order of their data.</summary>
    public IReadOnlyList<SafetensorsEntry> Entries { get; }

    /// <summary>The strings under <c>__metadata__</c>.</summary>
    public IReadOnlyDictionary<string, string> Metadata { get; }

    /// <summary>Writes a file: to a temporary name first, so that it appears complete or not at all.</summary>
    /// <param name="path">The file; replaced if it is there.</param>
    /// <param name="tensors">What to write. Wider element types come first in the file, which keeps all data aligned.</param>
    /// <param name="metadata">Strings to keep under <c>__metadata__</c>, or null.</param>
    /// <exception cref="SafetensorsException">A name comes twice or is reserved, a type has no name in the format, or data and
    /// shape disagree.</exception>
    public static void Write(string path, IEnumerable<SafetensorsTensor> tensors, IReadOnlyDictionary<string, string>? metadata = null)
    {
        ArgumentNullException.ThrowIfNull(tensors);
        SafetensorsWriter.Write(
            DurableStorage.Disk,
            path,
            [.. tensors.Select(tensor => new SafetensorsSource(
                tensor.Name, tensor.Type, tensor.Shape, tensor.Data.Length, stream => stream.Write(tensor.Data.Span)))],
            metadata);
    }

    /// <summary>Opens a file and checks its header; tensor data is read when asked for.</summary>
    /// <exception cref="SafetensorsException">The file is not a valid safetensors file.</exception>
    /// <exception cref="IOException">The file cannot be opened.</exception>
    public static SafetensorsFile Read(string path)
    {
        var file = File.OpenHandle(path);
        try
        {
            return new SafetensorsFile(path, file, SafetensorsHeader.Read(path, file));
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    /// <summary>Finds a tensor by name.</summary>
    public bool TryGet(string name, out SafetensorsEntry? entry) => _byName.TryGetValue(name, out entry);

    /// <summary>Finds a tensor by name.</summary>
    /// <exception cref="SafetensorsException">The file has no tensor of that name.</exception>
    public SafetensorsEntry this[string name] => _byName.TryGetValue(name, out var entry)
        ? entry
        : throw new SafetensorsException($"'{Path}' holds no tensor '{name}'.");

    /// <summary>The bytes of a tensor.</summary>
    /// <exception cref="SafetensorsException">No such tensor, or the file ends early.</exception>
    public byte[] ReadBytes(string name)
    {
        var entry = this[name];
        var bytes = new byte[checked((int)entry.ByteLength)];
        Read(entry, 0, bytes);
        return bytes;
    }

    /// <summary>The elements of a float32 tensor.</summary>
    /// <exception cref="SafetensorsException">No such tensor, another type, or the file ends early.</exception>
    public float[] ReadSingles(string name)
    {
        var entry = this[name];
        if (entry.Type != TensorElementType.Float)
        {
            throw new SafetensorsException($"Tensor '{name}' of '{Path}' is {entry.Type}, not Float.");
        }

        var values = new float[checked((int)(entry.ByteLength / sizeof(float)))];
        Read(entry, 0, MemoryMarshal.AsBytes(values.AsSpan()));
        return values;
    }

    /// <summary>Reads a stretch of a tensor's bytes.</summary>
    /// <param name="entry">The tensor, one of <see cref="Entries"/>.</param>
    /// <param name="byteOffset">The first byte, from the start of the tensor.</param>
    /// <param name="target">Receives the bytes; filled completely.</param>
    /// <exception cref="SafetensorsException">The stretch does not lie in the tensor, or the file ends early.</exception>
    public void Read(SafetensorsEntry entry, long byteOffset, Span<byte> target)
    {
        ArgumentNullException.ThrowIfNull(entry);
        if (byteOffset < 0 || byteOffset > entry.ByteLength - target.Length)
        {
            throw new SafetensorsException(
                $"Bytes {byteOffset} to {byteOffset + target.Length} do not lie in tensor '{entry.Name}' of '{Path}', which has {entry.ByteLength}.");
        }

        var position = entry.FileOffset + byteOffset;
        while (target.Length > 0)
        {
            var read = RandomAccess.Read(_file, target, position);
            if (read == 0)
            {
                throw new SafetensorsException($"'{Path}' ends inside tensor '{entry.Name}': the file was cut off.");
            }

            position += read;
            target = target[read..];
        }
    }

    /// <summary>Closes the file.</summary>
    public void Dispose() => _file.Dispose();
}
