using System.Runtime.InteropServices;

namespace OrtZero.Sharding.Internal;

/// <summary>Files that exist completely or not at all, and stay after a loss of power. Tests override it to run out of space.</summary>
internal partial class DurableStorage
{
    private const int OpenReadOnly = 0;

    public static DurableStorage Disk { get; } = new();

    /// <summary>Writes to a temporary name beside <paramref name="path"/>, flushes to the disk, then renames.</summary>
    /// <returns>Length and CRC-32C of what was written.</returns>
    public (long Length, uint Checksum) Write(string path, long expectedLength, Action<ChecksumStream> write)
    {
        var temporary = path + ".tmp";
        try
        {
            long length;
            uint checksum;
            using (var file = Create(temporary, expectedLength))
            {
                using var stream = new ChecksumStream(file);
                write(stream);
                (length, checksum) = (stream.Length, stream.Checksum);
                Flush(file);
            }

            File.Move(temporary, path, overwrite: true);
            return (length, checksum);
        }
        catch (Exception exception)
        {
            File.Delete(temporary);
            if (exception is ArgumentOutOfRangeException)
            {
                // How .NET says that the system lets no file become so long.
                throw new IOException($"A file of {expectedLength} bytes is too large for where '{path}' is.", exception);
            }

            throw;
        }
    }

    /// <summary>Makes renames and deletions inside a directory last. Without effect on Windows, where a rename is journalled.</summary>
    public virtual void FlushDirectory(string path)
    {
        if (OperatingSystem.IsWindows())
        {
            return;
        }

        var descriptor = Open(path, OpenReadOnly);
        if (descriptor < 0)
        {
            throw new IOException($"Cannot open the directory '{path}' to flush it: {Marshal.GetLastPInvokeErrorMessage()}.");
        }

        // Some network file systems have no flush for directories; their renames are as durable as they get.
        _ = FSync(descriptor);
        _ = Close(descriptor);
    }

    /// <summary>Creates a file, reserving its length so that a full disk shows before anything is written.</summary>
    protected virtual Stream Create(string path, long expectedLength) => new FileStream(path, new FileStreamOptions
    {
        Mode = FileMode.Create,
        Access = FileAccess.Write,
        Share = FileShare.None,
        BufferSize = 1 << 16,
        PreallocationSize = expectedLength,
    });

    private static void Flush(Stream file)
    {
        if (file is FileStream stream)
        {
            stream.Flush(flushToDisk: true);
        }
        else
        {
            file.Flush();
        }
    }

    [LibraryImport("libc", EntryPoint = "open", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial int Open(string path, int flags);

    [LibraryImport("libc", EntryPoint = "fsync", SetLastError = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial int FSync(int descriptor);

    [LibraryImport("libc", EntryPoint = "close")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial int Close(int descriptor);
}
