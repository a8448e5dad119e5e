using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace OrtZero.Sharding.Internal;

/// <summary>
/// Float32 numbers in a file instead of in memory, zero at first. The file has no name once it is open (on Windows: until it is closed), so
/// nothing of it stays behind, however the process ends. Its space is reserved at the beginning.
/// </summary>
internal sealed class SpillFile : IDisposable
{
    private readonly SafeFileHandle _file;
    private readonly string _folder;
    private readonly string _what;
    private readonly string _section;

    /// <param name="folder">Where; created when missing.</param>
    /// <param name="what">What is kept there, for error messages: "the optimizer state of rank 0".</param>
    /// <param name="section">The section of the configuration that asked for it.</param>
    /// <param name="elements">How many numbers.</param>
    /// <exception cref="ShardingException">It cannot be made, as where the disk is full.</exception>
    public SpillFile(string folder, string what, string section, long elements)
    {
        _folder = folder;
        _what = what;
        _section = section;
        ByteLength = elements * sizeof(float);
        SafeFileHandle? file = null;
        try
        {
            Directory.CreateDirectory(folder);
            var path = Path.Combine(folder, $"ortzero-{Guid.NewGuid():N}.tmp");
            file = File.OpenHandle(
                path, FileMode.CreateNew, FileAccess.ReadWrite, FileShare.None,
                OperatingSystem.IsWindows() ? FileOptions.DeleteOnClose : FileOptions.None, ByteLength);
            if (!OperatingSystem.IsWindows())
            {
                File.Delete(path);
            }

            RandomAccess.SetLength(file, ByteLength);
            _file = file;
        }
        catch (Exception exception) when (IsStorageFailure(exception))
        {
            file?.Dispose();
            throw Failure(exception);
        }
    }

    /// <summary>The bytes of the file.</summary>
    public long ByteLength { get; }

    /// <summary>Reads numbers from a position, in elements. Any thread may.</summary>
    public void Read(long start, Span<float> target)
    {
        var bytes = MemoryMarshal.AsBytes(target);
        var position = start * sizeof(float);
        try
        {
            while (bytes.Length > 0)
            {
                var read = RandomAccess.Read(_file, bytes, position);
                if (read == 0)
                {
                    throw new EndOfStreamException($"The file ends at byte {position}.");
                }

                bytes = bytes[read..];
                position += read;
            }
        }
        catch (Exception exception) when (IsStorageFailure(exception))
        {
            throw Failure(exception);
        }
    }

    /// <summary>Writes numbers to a position, in elements. Any thread may.</summary>
    public void Write(long start, ReadOnlySpan<float> values)
    {
        try
        {
            RandomAccess.Write(_file, MemoryMarshal.AsBytes(values), start * sizeof(float));
        }
        catch (Exception exception) when (IsStorageFailure(exception))
        {
            throw Failure(exception);
        }
    }

    public void Dispose() => _file.Dispose();

    // An argument out of range is how .NET says that the system lets no file become so long.
    private static bool IsStorageFailure(Exception exception) =>
        exception is IOException or UnauthorizedAccessException or ArgumentOutOfRangeException or NotSupportedException;

    private ShardingException Failure(Exception exception) => new(
        $"{_what} ({ByteLength} bytes) cannot be kept in '{_folder}': {exception.Message.TrimEnd('.')}; free space there, name a folder on another disk in {_section}.nvme_path, or keep it in memory with {_section}.device \"none\".",
        exception);
}
