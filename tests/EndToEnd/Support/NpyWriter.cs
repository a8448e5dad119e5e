using System.Runtime.InteropServices;
using System.Text;

namespace OrtZero.EndToEnd.Support;

/// <summary>Writes version 1.0 .npy files.</summary>
internal static class NpyWriter
{
    public static void Write(string path, long[] values, params int[] shape) => Write(path, "<i8", MemoryMarshal.AsBytes(values.AsSpan()), shape);

    public static void Write(string path, float[] values, params int[] shape) => Write(path, "<f4", MemoryMarshal.AsBytes(values.AsSpan()), shape);

    private static void Write(string path, string type, ReadOnlySpan<byte> data, int[] shape)
    {
        var header = $"{{'descr': '{type}', 'fortran_order': False, 'shape': ({string.Concat(shape.Select(length => $"{length},"))}), }}";
        // Magic, version, length: 10 bytes; with the header's closing newline a multiple of 64.
        var padded = header.PadRight(((10 + header.Length + 1 + 63) / 64 * 64) - 11) + "\n";
        using var file = File.Create(path);
        file.Write([0x93, .. "NUMPY"u8, 1, 0, (byte)padded.Length, (byte)(padded.Length >> 8)]);
        file.Write(Encoding.ASCII.GetBytes(padded));
        file.Write(data);
    }
}
