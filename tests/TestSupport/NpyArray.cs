using System.Buffers.Binary;
using System.Globalization;
using System.IO.Compression;
using System.Runtime.InteropServices;
using System.Text;
using System.Text.RegularExpressions;

namespace OrtZero.TestSupport;

/// <summary>
/// One array of a .npy file or .npz archive, widened to float64. Written for tests only and kept apart from the product's
/// own reader, so that a mistake there cannot hide itself here.
/// </summary>
public sealed partial class NpyArray
{
    private NpyArray(int[] shape, double[] values, bool isReal)
    {
        Shape = shape;
        Values = values;
        IsReal = isReal;
    }

    /// <summary>Whether the file holds floating-point numbers.</summary>
    public bool IsReal { get; }

    /// <summary>The lengths of the axes; empty for a scalar.</summary>
    public int[] Shape { get; }

    /// <summary>The elements in row-major order.</summary>
    public double[] Values { get; }

    /// <summary>The elements as float32.</summary>
    public float[] Singles => Array.ConvertAll(Values, value => (float)value);

    /// <summary>The elements as int64.</summary>
    public long[] Integers => Array.ConvertAll(Values, value => (long)value);

    /// <summary>Reads a .npy file.</summary>
    public static NpyArray Load(string path) => Parse(File.ReadAllBytes(path));

    /// <summary>Reads every array of a .npz archive, by name without the ".npy" ending.</summary>
    public static Dictionary<string, NpyArray> LoadArchive(string path)
    {
        using var archive = ZipFile.OpenRead(path);
        var arrays = new Dictionary<string, NpyArray>(StringComparer.Ordinal);
        foreach (var entry in archive.Entries)
        {
            using var stream = entry.Open();
            using var bytes = new MemoryStream();
            stream.CopyTo(bytes);
            arrays[entry.FullName[..^".npy".Length]] = Parse(bytes.ToArray());
        }

        return arrays;
    }

    private static NpyArray Parse(byte[] bytes)
    {
        var wide = bytes[6] >= 2;
        var headerLength = wide ? BinaryPrimitives.ReadInt32LittleEndian(bytes.AsSpan(8)) : BinaryPrimitives.ReadUInt16LittleEndian(bytes.AsSpan(8));
        var headerStart = wide ? 12 : 10;
        var header = Encoding.Latin1.GetString(bytes, headerStart, headerLength);
        var type = TypePattern().Match(header).Groups[1].Value;
        var shape = ShapePattern().Match(header).Groups[1].Value
            .Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries)
            .Select(text => int.Parse(text, CultureInfo.InvariantCulture)).ToArray();
        if (header.Contains("'fortran_order': True", StringComparison.Ordinal))
        {
            throw new InvalidDataException("Fortran order is not read by the test reader.");
        }

        var data = bytes.AsSpan(headerStart + headerLength);
        double[] values = type switch
        {
            "<f8" => MemoryMarshal.Cast<byte, double>(data).ToArray(),
            "<f4" => Array.ConvertAll(MemoryMarshal.Cast<byte, float>(data).ToArray(), value => (double)value),
            "<i8" => Array.ConvertAll(MemoryMarshal.Cast<byte, long>(data).ToArray(), value => (double)value),
            "<i4" => Array.ConvertAll(MemoryMarshal.Cast<byte, int>(data).ToArray(), value => (double)value),
            "|b1" or "|u1" => Array.ConvertAll(data.ToArray(), value => (double)value),
            _ => throw new InvalidDataException($"Type {type} is not read by the test reader."),
        };
        return new NpyArray(shape, values, type is "<f8" or "<f4");
    }

    [GeneratedRegex("'descr': '([^']*)'")]
    private static partial Regex TypePattern();

    [GeneratedRegex(@"'shape': \(([^)]*)\)")]
    private static partial Regex ShapePattern();
}
