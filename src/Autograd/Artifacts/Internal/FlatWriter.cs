using System.Buffers.Binary;
using System.Text;

namespace OrtZero.Autograd.Internal;

/// <summary>
/// Writes the FlatBuffers binary format (flatbuffers.dev, "Internals") front to back: offsets point forwards only, so every table
/// is written before what it refers to, and its offsets are filled in afterwards.
/// </summary>
internal sealed class FlatWriter(long capacity)
{
    // The format's own limit: offsets are 31 bits.
    private const long Limit = int.MaxValue - 64;

    private byte[] _bytes = new byte[Math.Clamp(capacity, 64, Limit)];
    private int _length;

    /// <summary>Writes a whole file and returns its bytes.</summary>
    public ReadOnlyMemory<byte> File(ReadOnlySpan<byte> identifier, ReadOnlySpan<FlatField> root)
    {
        Reserve(4);
        identifier.CopyTo(Reserve(identifier.Length));
        Patch(0, Table(root));
        return _bytes.AsMemory(0, _length);
    }

    /// <summary>Writes a table and everything behind it; returns the table's position.</summary>
    public int Table(ReadOnlySpan<FlatField> fields)
    {
        var layout = fields.ToArray();
        // Eight-byte fields last but for single bytes: the table begins at a multiple of 8 with the 4 bytes that lead to the vtable.
        Array.Sort(layout, (left, right) => (left.Size == 1, left.Size, left.Id).CompareTo((right.Size == 1, right.Size, right.Id)));
        var offsets = new int[layout.Length];
        var size = 4;
        for (var i = 0; i < layout.Length; i++)
        {
            size = (size + layout[i].Size - 1) / layout[i].Size * layout[i].Size;
            offsets[i] = size;
            size += layout[i].Size;
        }

        var slots = layout.Length == 0 ? 0 : layout.Max(field => field.Id) + 1;
        Align(2);
        var vtable = _length;
        var entries = Reserve(4 + (2 * slots));
        BinaryPrimitives.WriteUInt16LittleEndian(entries, (ushort)entries.Length);
        BinaryPrimitives.WriteUInt16LittleEndian(entries[2..], (ushort)size);
        for (var i = 0; i < layout.Length; i++)
        {
            BinaryPrimitives.WriteUInt16LittleEndian(entries[(4 + (2 * layout[i].Id))..], (ushort)offsets[i]);
        }

        Align(8);
        var position = _length;
        var table = Reserve(size);
        BinaryPrimitives.WriteInt32LittleEndian(table, position - vtable);
        Span<byte> number = stackalloc byte[8];
        for (var i = 0; i < layout.Length; i++)
        {
            BinaryPrimitives.WriteInt64LittleEndian(number, layout[i].Bits);
            number[..layout[i].Size].CopyTo(table[offsets[i]..]);
        }

        // In the order of the schema, not of the layout, so that a file reads from front to back.
        foreach (var i in Enumerable.Range(0, layout.Length).OrderBy(index => layout[index].Id))
        {
            if (layout[i].Child is { } child)
            {
                Patch(position + offsets[i], child(this));
            }
        }

        return position;
    }

    /// <summary>Writes a vector of tables.</summary>
    public int Tables(int count, Func<int, FlatField[]> table)
    {
        Align(4);
        var position = _length;
        BinaryPrimitives.WriteInt32LittleEndian(Reserve(checked(4 + (4 * count))), count);
        for (var i = 0; i < count; i++)
        {
            Patch(position + 4 + (4 * i), Table(table(i)));
        }

        return position;
    }

    /// <summary>Writes a vector of 64-bit whole numbers.</summary>
    public int Int64s(IReadOnlyList<long> values)
    {
        Align(8);
        Reserve(4);
        var position = _length;
        var target = Reserve(checked(4 + (8 * values.Count)));
        BinaryPrimitives.WriteInt32LittleEndian(target, values.Count);
        for (var i = 0; i < values.Count; i++)
        {
            BinaryPrimitives.WriteInt64LittleEndian(target[(4 + (8 * i))..], values[i]);
        }

        return position;
    }

    /// <summary>Writes a vector of bytes, the first of which lies at a multiple of 16.</summary>
    public int Bytes(ReadOnlySpan<byte> values)
    {
        Align(16);
        Reserve(12);
        var position = _length;
        BinaryPrimitives.WriteInt32LittleEndian(Reserve(4), values.Length);
        values.CopyTo(Reserve(values.Length));
        return position;
    }

    /// <summary>Writes a string: UTF-8 with a zero behind it that does not count.</summary>
    public int Text(string value)
    {
        Align(4);
        var position = _length;
        var bytes = Encoding.UTF8.GetBytes(value);
        var target = Reserve(4 + bytes.Length + 1);
        BinaryPrimitives.WriteInt32LittleEndian(target, bytes.Length);
        bytes.CopyTo(target[4..]);
        return position;
    }

    private void Patch(int place, int position) => BinaryPrimitives.WriteInt32LittleEndian(_bytes.AsSpan(place), position - place);

    private void Align(int alignment) => Reserve((alignment - (_length % alignment)) % alignment);

    private Span<byte> Reserve(int count)
    {
        var needed = (long)_length + count;
        if (needed > Limit)
        {
            throw new ArtifactException(
                "The checkpoint would exceed the 2 GiB of its format, which keeps optimizer states in the file itself: write it without them.");
        }

        if (needed > _bytes.Length)
        {
            Array.Resize(ref _bytes, (int)Math.Min(Limit, Math.Max(needed, 2L * _bytes.Length)));
        }

        var span = _bytes.AsSpan(_length, count);
        _length += count;
        return span;
    }
}
