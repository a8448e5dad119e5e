using System.Buffers.Binary;
using System.IO.Compression;
using System.Text;

namespace OrtZero.Training.Tests;

/// <summary>Writes .npy and .npz files as NumPy does, and in ways it should not be done.</summary>
internal static class NpyBytes
{
    public static byte[] Of<T>(string descr, string shape, params ReadOnlySpan<T> values)
        where T : unmanaged => Raw($"{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}", 1, System.Runtime.InteropServices.MemoryMarshal.AsBytes(values));

    public static byte[] Raw(string header, byte version, ReadOnlySpan<byte> data)
    {
        var prefix = version == 1 ? 10 : 12;
        var padding = 64 - ((prefix + header.Length + 1) % 64);
        var text = Encoding.Latin1.GetBytes(header + new string(' ', padding) + "\n");
        var bytes = new byte[prefix + text.Length + data.Length];
        bytes[0] = 0x93;
        "NUMPY"u8.CopyTo(bytes.AsSpan(1));
        bytes[6] = version;
        if (version == 1)
        {
            BinaryPrimitives.WriteUInt16LittleEndian(bytes.AsSpan(8), (ushort)text.Length);
        }
        else
        {
            BinaryPrimitives.WriteInt32LittleEndian(bytes.AsSpan(8), text.Length);
        }

        text.CopyTo(bytes, prefix);
        data.CopyTo(bytes.AsSpan(prefix + text.Length));
        return bytes;
    }

    public static void Archive(string path, CompressionLevel level, params (string Name, byte[] Content)[] members)
    {
        using var archive = ZipFile.Open(path, ZipArchiveMode.Create);
        foreach (var (name, content) in members)
        {
            using var stream = archive.CreateEntry(name + ".npy", level).Open();
            stream.Write(content);
        }
    }
}
