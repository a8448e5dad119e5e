namespace OrtZero.Onnx.Internal;

/// <summary>Files that appear complete or not at all.</summary>
internal static class AtomicFile
{
    /// <summary>Writes to a temporary name beside <paramref name="path"/>, flushes to the disk and renames.</summary>
    public static void Write(string path, Action<Stream> write)
    {
        var fullPath = Path.GetFullPath(path);
        var folder = Path.GetDirectoryName(fullPath);
        if (!Directory.Exists(folder))
        {
            throw new DirectoryNotFoundException($"There is no folder '{folder}' to write '{Path.GetFileName(fullPath)}' into; create it first.");
        }

        var temporary = $"{fullPath}.{Guid.NewGuid():N}.tmp";
        try
        {
            using (var stream = new FileStream(temporary, FileMode.CreateNew, FileAccess.Write, FileShare.None, 1 << 16))
            {
                write(stream);
                stream.Flush(flushToDisk: true);
            }

            File.Move(temporary, fullPath, overwrite: true);
        }
        finally
        {
            // Gone after a successful rename; left over only when writing failed.
            File.Delete(temporary);
        }
    }
}
