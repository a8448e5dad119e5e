using System.Buffers.Binary;
using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;

namespace OrtZero.StepBenchmark.Internal;

/// <summary>Makes [steps, batch, ...] arrays into [samples, ...] ones: the elements stay, the .npy header changes.</summary>
internal static partial class SampleRows
{
    private const int PrefixLength = 10;
    private const int Alignment = 64;

    internal static void Write(string source, string target)
    {
        var bytes = File.ReadAllBytes(source);
        if (bytes is not [0x93, (byte)'N', (byte)'U', (byte)'M', (byte)'P', (byte)'Y', 1, ..])
        {
            throw new InvalidDataException($"{source} is not a .npy file of version 1.");
        }

        var headerLength = BinaryPrimitives.ReadUInt16LittleEndian(bytes.AsSpan(8));
        var header = Encoding.Latin1.GetString(bytes, PrefixLength, headerLength);
        long[] axes = [.. ShapePattern().Match(header).Groups[1].Value
            .Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries)
            .Select(text => long.Parse(text, CultureInfo.InvariantCulture))];
        if (axes.Length < 3)
        {
            throw new InvalidDataException($"{source} has {axes.Length} axes: [steps, batch, ...] are needed.");
        }

        long[] rows = [axes[0] * axes[1], .. axes[2..]];
        var text = ShapePattern().Replace(header, $"'shape': ({string.Join(", ", rows)})").TrimEnd();
        var padded = text.PadRight(Alignment - 1 - ((PrefixLength + text.Length) % Alignment) + text.Length) + "\n";
        using var file = File.Create(target);
        file.Write(bytes, 0, 8);
        Span<byte> length = stackalloc byte[sizeof(ushort)];
        BinaryPrimitives.WriteUInt16LittleEndian(length, (ushort)padded.Length);
        file.Write(length);
        file.Write(Encoding.Latin1.GetBytes(padded));
        file.Write(bytes.AsSpan(PrefixLength + headerLength));
    }

    [GeneratedRegex(@"'shape': \(([^)]*)\)")]
    private static partial Regex ShapePattern();
}
