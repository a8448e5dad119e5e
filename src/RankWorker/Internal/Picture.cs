using System.Buffers.Binary;
using System.IO.Compression;

namespace OrtZero.RankWorker.Internal;

/// <summary>A small canvas of red, green and blue bytes that writes itself as PNG (RFC 2083).</summary>
internal sealed class Picture
{
    private readonly byte[] _pixels;

    internal Picture(int width, int height)
    {
        Width = width;
        Height = height;
        _pixels = new byte[width * height * 3];
        Array.Fill(_pixels, byte.MaxValue);
    }

    internal int Width { get; }

    internal int Height { get; }

    /// <summary>The color of a point, 0xRRGGBB.</summary>
    internal int this[int x, int y]
    {
        get
        {
            var at = ((y * Width) + x) * 3;
            return (_pixels[at] << 16) | (_pixels[at + 1] << 8) | _pixels[at + 2];
        }

        set
        {
            if (x < 0 || y < 0 || x >= Width || y >= Height)
            {
                return;
            }

            var at = ((y * Width) + x) * 3;
            _pixels[at] = (byte)(value >> 16);
            _pixels[at + 1] = (byte)(value >> 8);
            _pixels[at + 2] = (byte)value;
        }
    }

    internal void Fill(int left, int top, int width, int height, int color)
    {
        for (var y = top; y < top + height; y++)
        {
            for (var x = left; x < left + width; x++)
            {
                this[x, y] = color;
            }
        }
    }

    internal void Write(int left, int top, string text, int color)
    {
        foreach (var character in text)
        {
            for (var row = 0; row < PixelFont.Height; row++)
            {
                for (var column = 0; column < PixelFont.Width; column++)
                {
                    if (PixelFont.IsSet(character, column, row))
                    {
                        this[left + column, top + row] = color;
                    }
                }
            }

            left += PixelFont.Advance;
        }
    }

    internal byte[] ToPng()
    {
        using var file = new MemoryStream();
        file.Write([0x89, (byte)'P', (byte)'N', (byte)'G', 0x0D, 0x0A, 0x1A, 0x0A]);
        var header = new byte[13];
        BinaryPrimitives.WriteInt32BigEndian(header, Width);
        BinaryPrimitives.WriteInt32BigEndian(header.AsSpan(4), Height);
        header[8] = 8; // Bits per sample.
        header[9] = 2; // Red, green, blue.
        Chunk(file, "IHDR"u8, header);
        using (var packed = new MemoryStream())
        {
            using (var zlib = new ZLibStream(packed, CompressionLevel.Optimal, leaveOpen: true))
            {
                for (var y = 0; y < Height; y++)
                {
                    zlib.WriteByte(0); // No filter.
                    zlib.Write(_pixels, y * Width * 3, Width * 3);
                }
            }

            Chunk(file, "IDAT"u8, packed.ToArray());
        }

        Chunk(file, "IEND"u8, []);
        return file.ToArray();
    }

    private static void Chunk(MemoryStream file, ReadOnlySpan<byte> type, byte[] content)
    {
        Span<byte> number = stackalloc byte[4];
        BinaryPrimitives.WriteInt32BigEndian(number, content.Length);
        file.Write(number);
        file.Write(type);
        file.Write(content);
        BinaryPrimitives.WriteUInt32BigEndian(number, Checksum(Checksum(uint.MaxValue, type), content) ^ uint.MaxValue);
        file.Write(number);
    }

    private static uint Checksum(uint state, ReadOnlySpan<byte> bytes)
    {
        foreach (var value in bytes)
        {
            state ^= value;
            for (var bit = 0; bit < 8; bit++)
            {
                state = (state & 1) != 0 ? (state >> 1) ^ 0xEDB88320 : state >> 1;
            }
        }

        return state;
    }
}
