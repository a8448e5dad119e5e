namespace OrtZero.Sharding.Internal;

/// <summary>Passes writes on and keeps their count and CRC-32C, of all and of the part written last.</summary>
internal sealed class ChecksumStream(Stream inner) : Stream
{
    private Crc32C _checksum;
    private Crc32C _part;
    private long _written;

    public uint Checksum => _checksum.Value;

    /// <summary>The checksum of what was written since <see cref="BeginPart"/>.</summary>
    public uint PartChecksum => _part.Value;

    public override bool CanRead => false;

    public override bool CanSeek => false;

    public override bool CanWrite => true;

    public override long Length => _written;

    public override long Position
    {
        get => _written;
        set => throw new NotSupportedException();
    }

    public void BeginPart() => _part = default;

    public override void Write(ReadOnlySpan<byte> buffer)
    {
        // In pieces that stay in the cache while they are looked at twice.
        const int Piece = 1 << 16;
        for (var rest = buffer; rest.Length > 0; rest = rest[Math.Min(Piece, rest.Length)..])
        {
            var piece = rest[..Math.Min(Piece, rest.Length)];
            _checksum.Append(piece);
            _part.Append(piece);
        }

        inner.Write(buffer);
        _written += buffer.Length;
    }

    public override void Write(byte[] buffer, int offset, int count) => Write(buffer.AsSpan(offset, count));

    public override void Flush() => inner.Flush();

    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();
}
