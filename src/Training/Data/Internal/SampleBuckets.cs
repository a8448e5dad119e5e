using System.Runtime.InteropServices;
using OrtZero.Onnx;

namespace OrtZero.Training.Internal;

/// <summary>Finds how long padded samples are, and which of a few lengths each is cut to.</summary>
internal static class SampleBuckets
{
    /// <summary>For each length, rising, the samples that it is the shortest to hold, in their order. A length may have none.</summary>
    /// <param name="section">What is asked for.</param>
    /// <param name="name">The key path of the data section, for messages.</param>
    /// <param name="fields">The fields of all samples.</param>
    /// <param name="count">How many samples there are.</param>
    /// <exception cref="DataException">Fields do not have the same second axis, a length is beyond it or cannot be read, or a sample is longer than all buckets.</exception>
    public static IReadOnlyList<int[]> Divide(BucketsSection section, string name, IReadOnlyDictionary<string, DataField> fields, int count)
    {
        var first = fields[section.Fields[0]];
        foreach (var field in section.Fields.Select(field => fields[field]))
        {
            if (field.SampleShape.Count == 0 || field.SampleShape[0] != first.SampleShape[0])
            {
                throw new DataException(
                    $"{name}.buckets.fields: {field.Array.Name} has the shape {NpyHeader.TextOf(field.Array.Shape)} and {first.Array.Name} {NpyHeader.TextOf(first.Array.Shape)}; fields that are cut need the same length along their second axis.");
            }
        }

        if (section.Lengths[^1] > first.SampleShape[0])
        {
            throw new DataException(
                $"{name}.buckets.lengths has {section.Lengths[^1]}, but samples of {first.Array.Name} are padded to {first.SampleShape[0]}; end the list with that or less.");
        }

        var lengths = section.SampleLengths is { } file ? Read(file, name, count) : Measured(fields[section.PadField ?? section.Fields[0]], section.PadValue!.Value, name, count);
        var buckets = section.Lengths.Select(_ => new List<int>()).ToArray();
        for (var sample = 0; sample < count; sample++)
        {
            var bucket = section.Lengths.TakeWhile(length => length < lengths[sample]).Count();
            if (bucket == buckets.Length)
            {
                throw new DataException(
                    $"{name}.buckets.lengths ends with {section.Lengths[^1]}, but sample {sample} has the length {lengths[sample]}; add a longer one, up to {first.SampleShape[0]}.");
            }

            buckets[bucket].Add(sample);
        }

        return [.. buckets.Select(samples => samples.ToArray())];
    }

    private static long[] Read(string path, string name, int count)
    {
        using var file = NpyFile.Open(path);
        if (file.Shape.Count != 1 || file.Shape[0] != count)
        {
            throw new DataException(
                $"{name}.buckets.sample_lengths: {file.Name} has the shape {NpyHeader.TextOf(file.Shape)}, but there are {count} samples; it must hold one integer for each.");
        }

        var bytes = new byte[file.ByteLength];
        file.Read(0, bytes);
        return Integers(file, bytes, $"{name}.buckets.sample_lengths");
    }

    /// <summary>The place behind the last element that is no padding.</summary>
    private static long[] Measured(DataField field, long padding, string name, int count)
    {
        var lengths = new long[count];
        var bytes = new byte[field.SampleBytes];
        var width = Math.Max(1, field.SampleElements / field.SampleShape[0]);
        for (var sample = 0; sample < count; sample++)
        {
            field.Read(sample, bytes);
            var last = Integers(field.Array, bytes, $"{name}.buckets.pad_field").AsSpan().LastIndexOfAnyExcept(padding);
            lengths[sample] = last < 0 ? 0 : (last / width) + 1;
        }

        return lengths;
    }

    private static long[] Integers(NpyFile file, byte[] bytes, string place)
    {
        if (file.ElementType == TensorElementType.Int64)
        {
            return MemoryMarshal.Cast<byte, long>(bytes).ToArray();
        }

        var converter = file.ElementType.IsFloatingPoint() ? null : ElementConverter.Create(file.ElementType, TensorElementType.Int64);
        var integers = new long[bytes.Length / Math.Max(1, file.ElementType.SizeInBytes(1))];
        return converter is not null && converter.Convert(bytes, MemoryMarshal.AsBytes(integers.AsSpan())) < 0
            ? integers
            : throw new DataException($"{place}: {file.Name} holds {file.ElementType}, but lengths and padding are integers; save it as int64.");
    }
}
