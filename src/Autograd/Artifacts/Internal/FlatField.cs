namespace OrtZero.Autograd.Internal;

/// <summary>A field of a table to write: a number in the table itself, or something that lies behind it.</summary>
/// <param name="Id">The field's number in the schema.</param>
/// <param name="Size">The bytes it takes in the table; what lies behind takes 4.</param>
/// <param name="Bits">The number, little-endian.</param>
/// <param name="Child">Writes what lies behind and returns its position. Null: the field is a number.</param>
internal readonly record struct FlatField(int Id, int Size, long Bits, Func<FlatWriter, int>? Child)
{
    public static FlatField Bool(int id, bool value) => new(id, 1, value ? 1 : 0, null);

    public static FlatField Int32(int id, int value) => new(id, 4, value, null);

    public static FlatField Int64(int id, long value) => new(id, 8, value, null);

    public static FlatField Single(int id, float value) => new(id, 4, BitConverter.SingleToUInt32Bits(value), null);

    public static FlatField Behind(int id, Func<FlatWriter, int> child) => new(id, 4, 0, child);
}
