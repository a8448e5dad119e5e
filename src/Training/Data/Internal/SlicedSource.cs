namespace OrtZero.Training.Internal;

/// <summary>A part of another source, which stays the owner of the bytes.</summary>
internal sealed class SlicedSource(ByteSource whole, long offset, long length) : ByteSource
{
    public override long Length => length;

    public override void Read(long offsetInSlice, Span<byte> target)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(target.Length, length - offsetInSlice);
        whole.Read(offset + offsetInSlice, target);
    }

    public override void Dispose()
    {
    }
}
