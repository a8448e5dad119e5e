using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Text;
using System.Text.Json;

namespace OrtZero.PrepareDigits;

/// <summary>
/// Turns MNIST's idx files into what a caption model learns from: pictures, the characters it has read so far, and the
/// character that comes next.
/// </summary>
internal static class DigitData
{
    private const int Side = 28;
    private const int CaptionLength = 16;
    private const int IdsOfLetters = 3;
    private const int Begin = 1;
    private const int End = 2;
    private const int Ignored = -100;

    private static readonly string[] s_words =
        ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"];

    /// <summary>Reads PREFIX-images-idx3-ubyte and PREFIX-labels-idx1-ubyte and writes NAME_image.npy, NAME_ids.npy, NAME_labels.npy.</summary>
    internal static void Write(string source, string prefix, string target, string name, int limit)
    {
        var pixels = ReadIdx(Path.Combine(source, $"{prefix}-images-idx3-ubyte"), magic: 2051, headerLength: 16);
        var digits = ReadIdx(Path.Combine(source, $"{prefix}-labels-idx1-ubyte"), magic: 2049, headerLength: 8);
        var count = Math.Min(limit, digits.Length);
        if (pixels.Length != digits.Length * Side * Side)
        {
            throw new InvalidDataException($"{prefix}: {pixels.Length} pixels do not belong to {digits.Length} digits.");
        }

        // Pixels are scaled to mean 0 and deviation 1 with MNIST's usual constants.
        var images = new float[count * Side * Side];
        for (var i = 0; i < images.Length; i++)
        {
            images[i] = (pixels[i] / 255f - 0.1307f) / 0.3081f;
        }

        var ids = new long[count * CaptionLength];
        var labels = new long[count * CaptionLength];
        Array.Fill(labels, Ignored);
        for (var sample = 0; sample < count; sample++)
        {
            var word = s_words[digits[sample]];
            var start = sample * CaptionLength;
            ids[start] = Begin;
            for (var i = 0; i < word.Length; i++)
            {
                ids[start + i + 1] = labels[start + i] = word[i] - 'a' + IdsOfLetters;
            }

            labels[start + word.Length] = End;
        }

        WriteNpy(Path.Combine(target, $"{name}_image.npy"), "<f4", [count, 1, Side, Side], MemoryMarshal.AsBytes(images.AsSpan()));
        WriteNpy(Path.Combine(target, $"{name}_ids.npy"), "<i8", [count, CaptionLength], MemoryMarshal.AsBytes(ids.AsSpan()));
        WriteNpy(Path.Combine(target, $"{name}_labels.npy"), "<i8", [count, CaptionLength], MemoryMarshal.AsBytes(labels.AsSpan()));
    }

    /// <summary>Writes the text of every token id: padding and begin are empty, end is "\n", then a to z.</summary>
    internal static void WriteVocabulary(string path)
    {
        string[] tokens = ["", "", "\n", .. Enumerable.Range('a', 26).Select(letter => ((char)letter).ToString())];
        File.WriteAllText(path, JsonSerializer.Serialize(tokens));
    }

    private static byte[] ReadIdx(string path, int magic, int headerLength)
    {
        if (!File.Exists(path))
        {
            throw new FileNotFoundException($"{path} is missing: run npm ci --ignore-scripts, which brings MNIST.");
        }

        var bytes = File.ReadAllBytes(path);
        if (bytes.Length < headerLength || BinaryPrimitives.ReadInt32BigEndian(bytes) != magic)
        {
            throw new InvalidDataException($"{path} is not the idx file it is named for.");
        }

        return bytes[headerLength..];
    }

    private static void WriteNpy(string path, string type, int[] shape, ReadOnlySpan<byte> data)
    {
        var header = $"{{'descr': '{type}', 'fortran_order': False, 'shape': ({string.Join(", ", shape)},), }}";
        var padding = 64 - (10 + header.Length + 1) % 64;
        var text = header + new string(' ', padding) + "\n";
        using var file = File.Create(path);
        file.Write([0x93, .. "NUMPY"u8, 1, 0]);
        Span<byte> length = stackalloc byte[2];
        BinaryPrimitives.WriteUInt16LittleEndian(length, (ushort)text.Length);
        file.Write(length);
        file.Write(Encoding.Latin1.GetBytes(text));
        file.Write(data);
    }
}
