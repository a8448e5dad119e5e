using OrtZero.Onnx;
using OrtZero.Training.Internal;

namespace OrtZero.Training;

/// <summary>
/// One NumPy array: a .npy file (format versions 1 to 3) or a member of a .npz archive. Its data stays in the file, mapped into
/// memory, and is copied out piece by piece. Little-endian, C order, booleans, integers and f2, f4, f8.
/// </summary>
public sealed class NpyFile : IDisposable
{
    private readonly ByteSource _source;
    private readonly NpyHeader _header;

    internal NpyFile(ByteSource source, string name)
    {
        _source = source;
        Name = name;
        _header = NpyHeader.Read(source, name);
        ByteLength = ElementType.SizeInBytes(Shape.Aggregate(1L, (product, length) => product * length));
    }

    /// <summary>What messages call it: the path, with ":array" for a member of an archive.</summary>
    public string Name { get; }

    /// <summary>The type of the elements.</summary>
    public TensorElementType ElementType => _header.Type;

    /// <summary>The lengths of the axes; empty for a scalar.</summary>
    public IReadOnlyList<long> Shape => _header.Shape;

    /// <summary>The size of all elements together.</summary>
    public long ByteLength { get; }

    /// <summary>Opens a .npy file.</summary>
    /// <exception cref="DataException">The file is not there, not a .npy file, cut off, or of an order or type that is not read.</exception>
    public static NpyFile Open(string path)
    {
        ArgumentNullException.ThrowIfNull(path);
        var source = MappedFile.Open(path);
        try
        {
            return new NpyFile(source, path);
        }
        catch
        {
            source.Dispose();
            throw;
        }
    }

    /// <summary>Copies bytes of the elements out.</summary>
    /// <param name="byteOffset">Where to begin, counted from the first element.</param>
    /// <param name="target">As many bytes as are wanted.</param>
    public void Read(long byteOffset, Span<byte> target)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(byteOffset);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(target.Length, ByteLength - byteOffset);
        _source.Read(_header.DataOffset + byteOffset, target);
    }

    /// <summary>Closes the file.</summary>
    public void Dispose() => _source.Dispose();
}
