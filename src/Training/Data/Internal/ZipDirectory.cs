using System.Buffers.Binary;
using System.Text;

namespace OrtZero.Training.Internal;

/// <summary>A member of a zip archive.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Method">0: stored, 8: deflated.</param>
/// <param name="IsEncrypted">Whether a password is needed.</param>
/// <param name="Checksum">The CRC-32 of its content.</param>
/// <param name="CompressedLength">Bytes in the archive.</param>
/// <param name="Length">Bytes of the content.</param>
/// <param name="HeaderOffset">Where its local header begins.</param>
internal sealed record ZipMember(
    string Name, int Method, bool IsEncrypted, uint Checksum, long CompressedLength, long Length, long HeaderOffset);

/// <summary>
/// Reads where the members of a zip archive lie, which System.IO.Compression does not tell and mapping in place needs.
/// Layout after PKWARE's APPNOTE.TXT 6.3: local header and content per member, then the directory (one record per member),
/// then, for more than 4 GiB, the ZIP64 end record and its locator, then the end record and a comment.
/// </summary>
internal static class ZipDirectory
{
    private const uint EndSignature = 0x06054b50;
    private const uint Zip64LocatorSignature = 0x07064b50;
    private const uint Zip64EndSignature = 0x06064b50;
    private const uint RecordSignature = 0x02014b50;
    private const uint LocalSignature = 0x04034b50;
    private const int EndLength = 22;

    public static List<ZipMember> Read(ByteSource source, string name)
    {
        var (offset, length) = Locate(source, name);
        var directory = Bytes(source, offset, length, name);
        var members = new List<ZipMember>();
        for (var record = directory.AsSpan(); !record.IsEmpty;)
        {
            if (record.Length < 46 || U32(record, 0) != RecordSignature)
            {
                throw Damaged(name);
            }

            int nameLength = U16(record, 28), extraLength = U16(record, 30), commentLength = U16(record, 32);
            if (record.Length < 46 + nameLength + extraLength + commentLength)
            {
                throw Damaged(name);
            }

            members.Add(Member(record, record.Slice(46, nameLength), record.Slice(46 + nameLength, extraLength), name));
            record = record[(46 + nameLength + extraLength + commentLength)..];
        }

        return members;
    }

    /// <summary>Where the content of a member begins.</summary>
    public static long ContentOffset(ByteSource source, ZipMember member, string name)
    {
        var header = Bytes(source, member.HeaderOffset, 30, name);
        var content = member.HeaderOffset + 30 + U16(header, 26) + U16(header, 28);
        return U32(header, 0) == LocalSignature && member.CompressedLength >= 0 && content <= source.Length - member.CompressedLength
            ? content
            : throw Damaged(name);
    }

    public static DataException Damaged(string name) => new($"{name} is cut off or damaged; copy or write the archive again.");

    private static (long Offset, long Length) Locate(ByteSource source, string name)
    {
        // The end record is at the very end unless a comment of up to 65,535 bytes follows it.
        var tail = Bytes(source, Math.Max(0, source.Length - EndLength - ushort.MaxValue), Math.Min(source.Length, EndLength + ushort.MaxValue), name);
        for (var at = tail.Length - EndLength; at >= 0; at--)
        {
            if (U32(tail, at) == EndSignature && at + EndLength + U16(tail, at + 20) == tail.Length)
            {
                var isZip64 = U32(tail, at + 16) == uint.MaxValue || U32(tail, at + 12) == uint.MaxValue;
                return isZip64 ? LocateZip64(source, source.Length - tail.Length + at - 20, name) : (U32(tail, at + 16), U32(tail, at + 12));
            }
        }

        throw new DataException($"{name} is not a .npz archive, or it is cut off: the end of a zip file is missing; copy it or write it again with numpy.savez.");
    }

    private static (long Offset, long Length) LocateZip64(ByteSource source, long locatorOffset, string name)
    {
        var locator = Bytes(source, locatorOffset, 20, name);
        var end = U32(locator, 0) == Zip64LocatorSignature ? Bytes(source, I64(locator, 8), 56, name) : throw Damaged(name);
        return U32(end, 0) == Zip64EndSignature ? (I64(end, 48), I64(end, 40)) : throw Damaged(name);
    }

    private static ZipMember Member(ReadOnlySpan<byte> record, ReadOnlySpan<byte> memberName, ReadOnlySpan<byte> extra, string name)
    {
        long compressed = U32(record, 20), length = U32(record, 24), header = U32(record, 42);
        for (; extra.Length >= 4; extra = extra[(4 + U16(extra, 2))..])
        {
            if (4 + U16(extra, 2) > extra.Length)
            {
                throw Damaged(name);
            }

            // Field 1 holds, in this order, 64-bit values of those that do not fit the record.
            if (U16(extra, 0) == 1)
            {
                var wide = extra.Slice(4, U16(extra, 2));
                length = Take(ref wide, length, name);
                compressed = Take(ref wide, compressed, name);
                header = Take(ref wide, header, name);
            }
        }

        return new ZipMember(
            Encoding.UTF8.GetString(memberName), U16(record, 10), (U16(record, 8) & 1) != 0, U32(record, 16), compressed, length, header);
    }

    private static long Take(ref ReadOnlySpan<byte> wide, long narrow, string name)
    {
        if (narrow != uint.MaxValue)
        {
            return narrow;
        }

        if (wide.Length < 8)
        {
            throw Damaged(name);
        }

        var value = I64(wide, 0);
        wide = wide[8..];
        return value;
    }

    private static byte[] Bytes(ByteSource source, long offset, long length, string name)
    {
        if (offset < 0 || length < 0 || length > int.MaxValue || offset > source.Length - length)
        {
            throw Damaged(name);
        }

        var bytes = new byte[length];
        source.Read(offset, bytes);
        return bytes;
    }

    private static ushort U16(ReadOnlySpan<byte> bytes, int at) => BinaryPrimitives.ReadUInt16LittleEndian(bytes[at..]);

    private static uint U32(ReadOnlySpan<byte> bytes, int at) => BinaryPrimitives.ReadUInt32LittleEndian(bytes[at..]);

    private static long I64(ReadOnlySpan<byte> bytes, int at) => BinaryPrimitives.ReadInt64LittleEndian(bytes[at..]);
}
