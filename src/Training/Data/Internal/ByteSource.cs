namespace OrtZero.Training.Internal;

/// <summary>Bytes that can be copied from any position.</summary>
internal abstract class ByteSource : IDisposable
{
    /// <summary>The number of bytes.</summary>
    public abstract long Length { get; }

    /// <summary>Fills the target with the bytes from an offset on, all of which must exist.</summary>
    public abstract void Read(long offset, Span<byte> target);

    public abstract void Dispose();
}
