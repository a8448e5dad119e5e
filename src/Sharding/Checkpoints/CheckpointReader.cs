using System.Runtime.InteropServices;
using OrtZero.Onnx;
using OrtZero.Sharding.Internal;

namespace OrtZero.Sharding;

/// <summary>Reads a checkpoint without an engine: to inspect, export, or load a part of it.</summary>
public sealed class CheckpointReader : IDisposable
{
    private readonly Dictionary<string, CheckpointParameter> _parameters;
    private readonly Dictionary<string, List<(CheckpointRange Range, CheckpointShard Shard)>> _ranges = new(StringComparer.Ordinal);
    private readonly Dictionary<string, SafetensorsFile> _files = new(StringComparer.Ordinal);

    private CheckpointReader(string path, CheckpointManifest manifest)
    {
        Path = path;
        Manifest = manifest;
        _parameters = manifest.Parameters.ToDictionary(parameter => parameter.Name, StringComparer.Ordinal);
        foreach (var shard in manifest.Shards)
        {
            foreach (var range in shard.Ranges)
            {
                if (!_ranges.TryGetValue(range.Parameter, out var list))
                {
                    _ranges.Add(range.Parameter, list = []);
                }

                list.Add((range, shard));
            }
        }

        foreach (var list in _ranges.Values)
        {
            list.Sort((left, right) => left.Range.Start.CompareTo(right.Range.Start));
        }
    }

    /// <summary>The checkpoint's directory.</summary>
    public string Path { get; }

    /// <summary>What the checkpoint holds.</summary>
    public CheckpointManifest Manifest { get; }

    /// <summary>Opens a checkpoint: checks the manifest, and that every file is there with its full length.</summary>
    /// <param name="path">The checkpoint's directory.</param>
    /// <exception cref="CheckpointException">It is not a complete checkpoint.</exception>
    public static CheckpointReader Open(string path) => new(path, CheckFiles(path));

    /// <summary>Whether the checkpoint has a parameter, and which.</summary>
    public bool TryGetParameter(string name, out CheckpointParameter? parameter) => _parameters.TryGetValue(name, out parameter);

    /// <summary>The whole value of a parameter in row-major order.</summary>
    /// <exception cref="CheckpointException">The checkpoint has no such parameter or not all of it.</exception>
    public float[] ReadParameter(string name)
    {
        if (!_parameters.TryGetValue(name, out var parameter))
        {
            throw new CheckpointException($"Checkpoint '{Path}' holds no parameter '{name}'.");
        }

        var values = new float[checked((int)parameter.Shape.Aggregate(1L, (count, length) => checked(count * length)))];
        Read(CheckpointContent.Parameters, name, 0, values);
        return values;
    }

    /// <summary>The whole moving average of a parameter, in row-major order; for a checkpoint with <see cref="CheckpointManifest.AverageUpdates"/>.</summary>
    /// <exception cref="CheckpointException">The checkpoint has no such parameter or no average of it.</exception>
    public float[] ReadAverage(string name) => ReadState(CheckpointContent.Average, name);

    /// <summary>The whole of an element-wise optimizer state of a parameter, in row-major order.</summary>
    /// <param name="state">One of the manifest's <see cref="CheckpointOptimizer.States"/>.</param>
    /// <param name="name">The parameter.</param>
    /// <exception cref="CheckpointException">The checkpoint has no such parameter or not all of its state.</exception>
    public float[] ReadState(string state, string name)
    {
        if (!_parameters.TryGetValue(name, out var parameter))
        {
            throw new CheckpointException($"Checkpoint '{Path}' holds no parameter '{name}'.");
        }

        var values = new float[checked((int)parameter.Shape.Aggregate(1L, (count, length) => checked(count * length)))];
        Read(state, name, 0, values);
        return values;
    }

    /// <summary>Writes every parameter whole to one safetensors file, a stretch at a time.</summary>
    /// <remarks>With the metadata <c>format: pt</c>, without which Hugging Face's transformers refuse a file.</remarks>
    /// <param name="path">The file; it appears complete or not at all.</param>
    /// <param name="average">Whether the moving average is written where the checkpoint has one.</param>
    /// <exception cref="CheckpointException">The checkpoint does not hold all of a parameter.</exception>
    public void WriteSafetensors(string path, bool average = true)
    {
        const int Chunk = 1 << 20;
        var values = new float[Chunk];
        SafetensorsWriter.Write(
            DurableStorage.Disk,
            path,
            [.. Manifest.Parameters.Select(parameter =>
            {
                var length = parameter.Shape.Aggregate(1L, (count, axis) => checked(count * axis));
                return new SafetensorsSource(parameter.Name, TensorElementType.Float, parameter.Shape, length * sizeof(float), stream =>
                {
                    for (var position = 0L; position < length; position += Chunk)
                    {
                        var part = values.AsSpan(0, (int)Math.Min(Chunk, length - position));
                        Read(Manifest.AverageUpdates is null || !average ? CheckpointContent.Parameters : CheckpointContent.Average, parameter.Name, position, part);
                        stream.Write(MemoryMarshal.AsBytes(part));
                    }
                });
            })],
            new Dictionary<string, string> { ["format"] = "pt" });
    }

    /// <summary>Compares the checksum of every file.</summary>
    /// <exception cref="CheckpointException">A file was changed or cannot be read.</exception>
    public void Verify()
    {
        foreach (var shard in Manifest.Shards)
        {
            Verify(shard);
        }
    }

    /// <summary>Compares the checksum of one file.</summary>
    /// <param name="shard">One of the manifest's shards.</param>
    /// <exception cref="CheckpointException">The file was changed or cannot be read.</exception>
    public void Verify(CheckpointShard shard)
    {
        ArgumentNullException.ThrowIfNull(shard);
        var checksum = default(Crc32C);
        try
        {
            using var file = File.OpenHandle(FilePath(Path, shard), options: FileOptions.SequentialScan);
            var chunk = new byte[1 << 20];
            for (var position = 0L; RandomAccess.Read(file, chunk, position) is > 0 and var read; position += read)
            {
                checksum.Append(chunk.AsSpan(0, read));
            }
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw new CheckpointException($"Shard '{FilePath(Path, shard)}' cannot be read: {exception.Message}", exception);
        }

        if (ManifestFile.Hexadecimal(checksum.Value) != shard.Checksum)
        {
            throw new CheckpointException(
                $"Shard '{FilePath(Path, shard)}' is damaged{FindDamage(shard)}: its CRC-32C is {ManifestFile.Hexadecimal(checksum.Value)} but the manifest says {shard.Checksum}. Resume from an earlier checkpoint.");
        }
    }

    // Which of a damaged file's tensors it is; the header where all of them are as they were written.
    private string FindDamage(CheckpointShard shard)
    {
        try
        {
            using var file = SafetensorsFile.Read(FilePath(Path, shard));
            var chunk = new byte[1 << 20];
            foreach (var entry in file.Entries)
            {
                var checksum = default(Crc32C);
                for (var position = 0L; position < entry.ByteLength; position += chunk.Length)
                {
                    var part = chunk.AsSpan(0, (int)Math.Min(chunk.Length, entry.ByteLength - position));
                    file.Read(entry, position, part);
                    checksum.Append(part);
                }

                if (shard.Tensors?.GetValueOrDefault(entry.Name) is { } kept && kept != ManifestFile.Hexadecimal(checksum.Value))
                {
                    return $" in the tensor '{entry.Name}'";
                }
            }
        }
        catch (SafetensorsException)
        {
            // Not even its header makes sense, which says where the damage is.
        }

        return shard.Tensors is null ? "" : " in its header";
    }

    /// <summary>Closes the files.</summary>
    public void Dispose()
    {
        foreach (var file in _files.Values)
        {
            file.Dispose();
        }

        _files.Clear();
    }

    internal static CheckpointManifest CheckFiles(string path)
    {
        var manifest = ManifestFile.Read(path);
        foreach (var shard in manifest.Shards)
        {
            var file = new FileInfo(FilePath(path, shard));
            if (!file.Exists)
            {
                throw new CheckpointException(
                    $"Checkpoint '{path}' is incomplete: the shard '{shard.File}' of rank {shard.Rank} is missing. Copy it back or resume from an earlier checkpoint.");
            }

            if (file.Length != shard.Bytes)
            {
                throw new CheckpointException(
                    $"Shard '{file.FullName}' has {file.Length} bytes but the manifest says {shard.Bytes}: it was cut off or overwritten. Resume from an earlier checkpoint.");
            }
        }

        return manifest;
    }

    /// <summary>Reads elements of a parameter or of one of its optimizer states, whichever shards hold them.</summary>
    internal void Read(string tensor, string parameter, long start, Span<float> target)
    {
        var position = start;
        var end = start + target.Length;
        foreach (var (range, shard) in _ranges.GetValueOrDefault(parameter, []))
        {
            if (position >= end || range.Start > position)
            {
                break;
            }

            var stop = Math.Min(end, range.Start + range.Length);
            if (stop > position)
            {
                ReadRange(tensor, range, shard, position - range.Start, target.Slice((int)(position - start), (int)(stop - position)));
                position = stop;
            }
        }

        if (position < end)
        {
            throw new CheckpointException($"Checkpoint '{Path}' lacks elements {position} to {end - 1} of parameter '{parameter}'. Resume from another checkpoint.");
        }
    }

    /// <summary>Reads an optimizer state of a whole tensor, which rank 0's shard holds.</summary>
    internal void ReadTensorState(string state, string parameter, Span<float> target)
    {
        var shard = Manifest.Shards[0];
        try
        {
            var file = FileOf(shard);
            file.Read(file[$"{state}/{parameter}"], 0, MemoryMarshal.AsBytes(target));
        }
        catch (Exception exception) when (exception is SafetensorsException or IOException or UnauthorizedAccessException)
        {
            throw new CheckpointException($"Shard '{shard.File}' of checkpoint '{Path}' cannot be read: {exception.Message}", exception);
        }
    }

    private SafetensorsFile FileOf(CheckpointShard shard)
    {
        if (!_files.TryGetValue(shard.File, out var file))
        {
            _files.Add(shard.File, file = SafetensorsFile.Read(FilePath(Path, shard)));
        }

        return file;
    }

    private static string FilePath(string path, CheckpointShard shard) => System.IO.Path.Combine(path, shard.File);

    private void ReadRange(string tensor, CheckpointRange range, CheckpointShard shard, long skip, Span<float> target)
    {
        try
        {
            var file = FileOf(shard);
            var whole = _parameters.TryGetValue(range.Parameter, out var parameter) && CheckpointContent.IsWhole(range, parameter.Shape);
            file.Read(file[CheckpointContent.Key(tensor, range, whole)], skip * sizeof(float), MemoryMarshal.AsBytes(target));
        }
        catch (Exception exception) when (exception is SafetensorsException or IOException or UnauthorizedAccessException)
        {
            throw new CheckpointException($"Shard '{shard.File}' of checkpoint '{Path}' cannot be read: {exception.Message}", exception);
        }
    }
}
