using Microsoft.Win32.SafeHandles;

namespace OrtZero.Onnx.Internal;

/// <summary>A file in which tensor data lies that is read when somebody asks for it. It must stay as it is for that long.</summary>
internal sealed class TensorFile : IDisposable
{
    private readonly string _path;
    private readonly SafeFileHandle _file;
    private readonly DateTime _written;

    /// <exception cref="IOException">The file cannot be opened.</exception>
    public TensorFile(string path)
    {
        _path = path;
        // Others may replace the file meanwhile: who does so by renaming leaves this one what it has opened.
        _file = File.OpenHandle(path, share: FileShare.ReadWrite | FileShare.Delete);
        Length = RandomAccess.GetLength(_file);
        _written = File.GetLastWriteTimeUtc(_file);
    }

    /// <summary>The bytes of the file when it was opened.</summary>
    public long Length { get; }

    /// <summary>Reads a stretch of the file.</summary>
    /// <exception cref="OnnxFormatException">The file was written to in the meantime.</exception>
    public void Read(long offset, Span<byte> target)
    {
        while (!target.IsEmpty)
        {
            var read = RandomAccess.Read(_file, target, offset);
            if (read == 0)
            {
                throw Changed();
            }

            target = target[read..];
            offset += read;
        }

        if (RandomAccess.GetLength(_file) != Length || File.GetLastWriteTimeUtc(_file) != _written)
        {
            throw Changed();
        }
    }

    public void Dispose() => _file.Dispose();

    private OnnxFormatException Changed() =>
        new($"'{_path}' was changed after it was opened, before all its tensors were read; start again once the file stays as it is.");
}
