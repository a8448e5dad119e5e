namespace OrtZero.Training.Internal;

/// <summary>Bytes in memory.</summary>
internal sealed class MemorySource(byte[] bytes) : ByteSource
{
    public override long Length => bytes.LongLength;

    public override void Read(long offset, Span<byte> target) => bytes.AsSpan(checked((int)offset), target.Length).CopyTo(target);

    public override void Dispose()
    {
    }
}
