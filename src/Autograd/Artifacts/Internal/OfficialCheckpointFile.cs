using OrtZero.Onnx.Protobuf;

namespace OrtZero.Autograd.Internal;

/// <summary>Checkpoint files and the data files beside them.</summary>
internal static class OfficialCheckpointFile
{
    /// <summary>From so many bytes of parameters on, the official runtime moves them into a second file.</summary>
    public const long ExternalThreshold = 1800L << 20;

    public static OfficialCheckpoint Load(string path)
    {
        if (!File.Exists(path))
        {
            throw new FileNotFoundException($"There is no checkpoint '{path}'; check the path.", path);
        }

        var length = new FileInfo(path).Length;
        if (length > Array.MaxLength)
        {
            throw new ArtifactException($"{path} has {length} bytes, more than the 2 GiB an official checkpoint may have; it is not one.");
        }

        return OfficialCheckpointReader.Read(File.ReadAllBytes(path), path, (offset, count) => ReadExternal($"{path}.data", offset, count));
    }

    public static void Save(OfficialCheckpoint checkpoint, string path, long externalThreshold)
    {
        var bytes = checkpoint.IsNominal ? 0 : checkpoint.Trainable.Concat(checkpoint.Frozen).Sum(Rounded);
        if (bytes < externalThreshold)
        {
            var content = OfficialCheckpointWriter.Write(checkpoint, external: null);
            WriteAtomically(path, stream => stream.Write(content.Span));
            return;
        }

        var written = ReadOnlyMemory<byte>.Empty;
        WriteAtomically($"{path}.data", stream => written = OfficialCheckpointWriter.Write(checkpoint, (data, alignment) =>
        {
            stream.Write(new byte[(alignment - (stream.Position % alignment)) % alignment]);
            var offset = stream.Position;
            stream.Write(data);
            return offset;
        }));
        WriteAtomically(path, stream => stream.Write(written.Span));
    }

    // The official writer counts each tensor in whole megabytes.
    private static long Rounded(TensorProto tensor) => (tensor.RawData.Length + (1L << 20) - 1) >> 20 << 20;

    private static byte[] ReadExternal(string path, long offset, long count)
    {
        var length = File.Exists(path)
            ? new FileInfo(path).Length
            : throw new ArtifactException($"its data file '{Path.GetFileName(path)}' is missing");
        if (offset > length - count || count > Array.MaxLength)
        {
            throw new ArtifactException($"its data file '{Path.GetFileName(path)}' has {length} bytes but bytes {offset} to {offset + count} are needed");
        }

        using var file = File.OpenHandle(path);
        var data = new byte[count];
        var read = 0;
        while (read < data.Length && RandomAccess.Read(file, data.AsSpan(read), offset + read) is > 0 and var step)
        {
            read += step;
        }

        return data[..read];
    }

    private static void WriteAtomically(string path, Action<Stream> write)
    {
        var temporary = $"{path}.{Guid.NewGuid():N}.tmp";
        try
        {
            using (var stream = new FileStream(temporary, FileMode.CreateNew, FileAccess.Write, FileShare.None, 1 << 16))
            {
                write(stream);
                stream.Flush(flushToDisk: true);
            }

            File.Move(temporary, path, overwrite: true);
        }
        finally
        {
            File.Delete(temporary);
        }
    }
}
