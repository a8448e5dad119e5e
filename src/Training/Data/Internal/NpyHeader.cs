using System.Buffers.Binary;
using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;
using OrtZero.Onnx;

namespace OrtZero.Training.Internal;

/// <summary>
/// The header of a .npy file (numpy/lib/format.py): "\x93NUMPY", version (two bytes), length of the header text (two bytes in
/// version 1, four in 2 and 3), then a Python dictionary with descr, fortran_order and shape.
/// </summary>
internal sealed partial record NpyHeader(TensorElementType Type, long[] Shape, long DataOffset)
{
    private const int MaximumTextLength = 1 << 20;

    /// <summary>Reads and checks a header; the data must be there in full.</summary>
    /// <param name="source">The file.</param>
    /// <param name="name">What messages call it.</param>
    public static NpyHeader Read(ByteSource source, string name)
    {
        Span<byte> start = stackalloc byte[12];
        var available = (int)Math.Min(start.Length, source.Length);
        source.Read(0, start[..available]);
        if (available < 10 || start[0] != 0x93 || !start.Slice(1, 5).SequenceEqual("NUMPY"u8))
        {
            throw new DataException($"{name} is not a NumPy array: it does not begin with \"\\x93NUMPY\"; write it with numpy.save.");
        }

        if (start[6] is 0 or > 3)
        {
            throw new DataException($"{name} has version {start[6]}.{start[7]} of the .npy format, but 1 to 3 can be read; write it again with numpy.save.");
        }

        var textStart = start[6] == 1 ? 10 : 12;
        var textLength = start[6] == 1 ? BinaryPrimitives.ReadUInt16LittleEndian(start[8..]) : BinaryPrimitives.ReadUInt32LittleEndian(start[8..]);
        if (textLength > MaximumTextLength || textStart + textLength > source.Length)
        {
            throw new DataException($"{name} is cut off or damaged: its header should have {textLength} bytes; copy or write the file again.");
        }

        var text = new byte[textLength];
        source.Read(textStart, text);
        var header = Parse(Encoding.UTF8.GetString(text), name) with { DataOffset = textStart + textLength };
        header.RequireData(source, name);
        return header;
    }

    private void RequireData(ByteSource source, string name)
    {
        Int128 needed = Type.SizeInBits() / 8;
        foreach (var length in Shape)
        {
            // Two lengths below 2^63 multiply within 127 bits, so clamping once per axis keeps the product exact enough to compare.
            needed = Int128.Min(needed * length, (Int128)long.MaxValue + 1);
        }

        if (needed > source.Length - DataOffset)
        {
            throw new DataException(
                $"{name} is cut off: {TextOf(Shape)} of {Type} needs {needed} bytes, but {source.Length - DataOffset} are there; copy or write the file again.");
        }
    }

    private static NpyHeader Parse(string text, string name)
    {
        var descr = DescrPattern().Match(text);
        var order = OrderPattern().Match(text);
        var shape = ShapePattern().Match(text);
        if (!order.Success || !shape.Success || !descr.Success)
        {
            throw text.Contains("'descr': [", StringComparison.Ordinal)
                ? new DataException($"{name} holds a structured array; save each of its fields as an array of its own.")
                : new DataException($"{name} has a header that cannot be understood ({text.Trim()}); write the file again with numpy.save.");
        }

        var lengths = shape.Groups[1].Value.Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
        var axes = new long[lengths.Length];
        for (var axis = 0; axis < axes.Length; axis++)
        {
            if (!long.TryParse(lengths[axis], NumberStyles.None, CultureInfo.InvariantCulture, out axes[axis]))
            {
                throw new DataException($"{name} has the shape ({shape.Groups[1].Value}), which is not a list of lengths; write the file again with numpy.save.");
            }
        }

        if (order.Groups[1].Value == "True" && axes.Length > 1)
        {
            throw new DataException($"{name} is stored in Fortran order; save numpy.ascontiguousarray(array) instead.");
        }

        return new NpyHeader(TypeOf(descr.Groups[1].Value, name), axes, 0);
    }

    private static TensorElementType TypeOf(string descr, string name)
    {
        var single = descr.Length > 1 && descr.EndsWith('1');
        if (descr.StartsWith('>') && !single)
        {
            throw new DataException($"{name} is big-endian ({descr}); save array.astype('<{descr[1..]}') instead.");
        }

        return descr.TrimStart('<', '|', '=', '>') switch
        {
            "f4" => TensorElementType.Float,
            "f8" => TensorElementType.Double,
            "f2" => TensorElementType.Float16,
            "i8" => TensorElementType.Int64,
            "i4" => TensorElementType.Int32,
            "i2" => TensorElementType.Int16,
            "i1" => TensorElementType.Int8,
            "u8" => TensorElementType.UInt64,
            "u4" => TensorElementType.UInt32,
            "u2" => TensorElementType.UInt16,
            "u1" => TensorElementType.UInt8,
            "b1" => TensorElementType.Bool,
            _ => throw new DataException(
                $"{name} holds elements of type \"{descr}\", but only booleans, integers and f2, f4, f8 can be read; save array.astype('float32') or another of these."),
        };
    }

    /// <summary>A shape as "[60000, 28, 28]"; an axis of any length as "?".</summary>
    public static string TextOf(IEnumerable<long> shape) =>
        $"[{string.Join(", ", shape.Select(length => length < 0 ? "?" : length.ToString(CultureInfo.InvariantCulture)))}]";

    [GeneratedRegex("'descr':\\s*'([^']*)'")]
    private static partial Regex DescrPattern();

    [GeneratedRegex("'fortran_order':\\s*(True|False)")]
    private static partial Regex OrderPattern();

    [GeneratedRegex("'shape':\\s*\\(([^)]*)\\)")]
    private static partial Regex ShapePattern();
}
