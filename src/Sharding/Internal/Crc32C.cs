using System.Buffers.Binary;
using System.Numerics;

namespace OrtZero.Sharding.Internal;

/// <summary>CRC-32C (Castagnoli polynomial, RFC 3720 appendix B.4), with the processor's instruction where it has one.</summary>
internal struct Crc32C
{
    // The register is kept inverted, as the standard begins and ends with an inversion.
    private uint _inverted;

    /// <summary>The checksum of everything appended so far.</summary>
    public readonly uint Value => _inverted;

    /// <summary>The checksum of some bytes.</summary>
    public static uint Of(ReadOnlySpan<byte> bytes)
    {
        var crc = default(Crc32C);
        crc.Append(bytes);
        return crc.Value;
    }

    /// <summary>Takes in more bytes.</summary>
    public void Append(ReadOnlySpan<byte> bytes)
    {
        var crc = ~_inverted;
        for (; bytes.Length >= sizeof(ulong); bytes = bytes[sizeof(ulong)..])
        {
            crc = BitOperations.Crc32C(crc, BinaryPrimitives.ReadUInt64LittleEndian(bytes));
        }

        foreach (var value in bytes)
        {
            crc = BitOperations.Crc32C(crc, value);
        }

        _inverted = ~crc;
    }
}
