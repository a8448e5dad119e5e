using System.Buffers.Binary;
using System.Text;

namespace OrtZero.Autograd.Internal;

/// <summary>
/// A table in a FlatBuffers file. Every access checks that what it reads lies inside the file, so a damaged file gives an
/// <see cref="ArtifactException"/> and nothing else.
/// </summary>
internal readonly struct FlatTable
{
    private static readonly UTF8Encoding s_utf8 = new(false, throwOnInvalidBytes: true);

    private readonly ReadOnlyMemory<byte> _file;
    private readonly int _position;
    private readonly int _vtable;
    private readonly int _slots;
    private readonly int _size;
    private readonly string _name;

    private FlatTable(ReadOnlyMemory<byte> file, long position, string name)
    {
        _file = file;
        _name = name;
        Require(position % 4 == 0 && position >= 8 && position + 4 <= file.Length, "lies outside the file");
        _position = (int)position;
        var vtable = position - BinaryPrimitives.ReadInt32LittleEndian(file.Span[_position..]);
        Require(vtable >= 0 && vtable % 2 == 0 && vtable + 4 <= file.Length, "has no description");
        _vtable = (int)vtable;
        var length = BinaryPrimitives.ReadUInt16LittleEndian(file.Span[_vtable..]);
        _size = BinaryPrimitives.ReadUInt16LittleEndian(file.Span[(_vtable + 2)..]);
        Require(length >= 4 && length % 2 == 0 && vtable + length <= file.Length, "has a description of impossible length");
        Require(_size >= 4 && position + _size <= file.Length, "reaches beyond the file");
        _slots = (length - 4) / 2;
    }

    /// <summary>The table that a file begins with.</summary>
    public static FlatTable Root(ReadOnlyMemory<byte> file, ReadOnlySpan<byte> identifier)
    {
        if (file.Length < 8 || !file.Span.Slice(4, 4).SequenceEqual(identifier))
        {
            throw new ArtifactException($"it does not have the identifier \"{Encoding.ASCII.GetString(identifier)}\" at byte 4");
        }

        return new FlatTable(file, BinaryPrimitives.ReadUInt32LittleEndian(file.Span), "root");
    }

    public bool Bool(int id, string field) => Number(id, 1, field) is { } bits && bits != 0;

    public int Int32(int id, string field) => (int)(Number(id, 4, field) ?? 0);

    public long Int64(int id, string field, long missing = 0) => Number(id, 8, field) ?? missing;

    public float Single(int id, string field) => BitConverter.Int32BitsToSingle((int)(Number(id, 4, field) ?? 0));

    /// <summary>The table behind a field. Null: the field is absent.</summary>
    public FlatTable? Table(int id, string field) => Behind(id, field) is { } position ? new FlatTable(_file, position, Path(field)) : null;

    /// <summary>The string behind a field. Null: the field is absent.</summary>
    public string? Text(int id, string field)
    {
        if (Vector(id, 1, field) is not { } bytes)
        {
            return null;
        }

        try
        {
            return s_utf8.GetString(bytes.Span);
        }
        catch (ArgumentException exception)
        {
            throw new ArtifactException($"its {Path(field)} is not UTF-8 text", exception);
        }
    }

    /// <summary>The bytes behind a field, not copied. Null: the field is absent.</summary>
    public ReadOnlyMemory<byte>? Bytes(int id, string field) => Vector(id, 1, field);

    /// <summary>The numbers behind a field. Null: the field is absent.</summary>
    public long[]? Int64s(int id, string field)
    {
        if (Vector(id, 8, field) is not { } bytes)
        {
            return null;
        }

        var values = new long[bytes.Length / 8];
        for (var i = 0; i < values.Length; i++)
        {
            values[i] = BinaryPrimitives.ReadInt64LittleEndian(bytes.Span[(8 * i)..]);
        }

        return values;
    }

    /// <summary>The tables behind a field, one after the other. Null: the field is absent.</summary>
    public IEnumerable<FlatTable>? Tables(int id, string field)
    {
        if (Behind(id, field) is not { } position || Vector(id, 4, field) is not { } offsets)
        {
            return null;
        }

        return Read(_file, offsets, position + 4, Path(field));

        static IEnumerable<FlatTable> Read(ReadOnlyMemory<byte> file, ReadOnlyMemory<byte> offsets, long first, string name)
        {
            for (var i = 0; i < offsets.Length; i += 4)
            {
                yield return new FlatTable(file, first + i + BinaryPrimitives.ReadUInt32LittleEndian(offsets.Span[i..]), $"{name}[{i / 4}]");
            }
        }
    }

    private ReadOnlyMemory<byte>? Vector(int id, int elementSize, string field)
    {
        if (Behind(id, field) is not { } position)
        {
            return null;
        }

        Require(position + 4 <= _file.Length, "lies outside the file", field);
        var length = BinaryPrimitives.ReadUInt32LittleEndian(_file.Span[(int)position..]) * (long)elementSize;
        Require(position + 4 + length <= _file.Length, "reaches beyond the file", field);
        return _file.Slice((int)position + 4, (int)length);
    }

    private long? Behind(int id, string field)
    {
        if (Place(id, 4, field) is not { } place)
        {
            return null;
        }

        var position = place + (long)BinaryPrimitives.ReadUInt32LittleEndian(_file.Span[place..]);
        Require(position > place && position % 4 == 0, "has an impossible offset", field);
        return position;
    }

    private long? Number(int id, int size, string field) => Place(id, size, field) is not { } place ? null : size switch
    {
        1 => _file.Span[place],
        4 => BinaryPrimitives.ReadInt32LittleEndian(_file.Span[place..]),
        _ => BinaryPrimitives.ReadInt64LittleEndian(_file.Span[place..]),
    };

    private int? Place(int id, int size, string field)
    {
        if (id >= _slots)
        {
            return null;
        }

        int offset = BinaryPrimitives.ReadUInt16LittleEndian(_file.Span[(_vtable + 4 + (2 * id))..]);
        Require(offset == 0 || (offset >= 4 && offset + size <= _size), "lies outside its table", field);
        return offset == 0 ? null : _position + offset;
    }

    private string Path(string field) => _name == "root" ? field : $"{_name}.{field}";

    private void Require(bool condition, string problem, string? field = null)
    {
        if (!condition)
        {
            throw new ArtifactException($"its {(field is null ? _name : Path(field))} {problem}");
        }
    }
}
