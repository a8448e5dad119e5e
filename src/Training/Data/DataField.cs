using OrtZero.Onnx;

namespace OrtZero.Training;

/// <summary>One array of a data set, cut into samples along its first axis.</summary>
public sealed class DataField
{
    private readonly int[]? _samples;
    private readonly long _stride;

    internal DataField(string name, NpyFile array)
    {
        Name = name;
        Array = array;
        SampleShape = [.. array.Shape.Skip(1)];
        SampleElements = SampleShape.Aggregate(1L, (product, length) => product * length);
        SampleBytes = _stride = array.ElementType.SizeInBytes(SampleElements);
    }

    /// <summary>Some samples of a field, cut along their first axis.</summary>
    /// <param name="whole">The field.</param>
    /// <param name="samples">The places of the samples in it.</param>
    /// <param name="length">What is left of their first axis. Null: all of it.</param>
    internal DataField(DataField whole, int[] samples, long? length)
    {
        Name = whole.Name;
        Array = whole.Array;
        _samples = samples;
        _stride = whole._stride;
        SampleShape = length is { } cut ? [cut, .. whole.SampleShape.Skip(1)] : whole.SampleShape;
        SampleElements = SampleShape.Aggregate(1L, (product, axis) => product * axis);
        SampleBytes = Array.ElementType.SizeInBytes(SampleElements);
    }

    /// <summary>The field's name in cfg.json.</summary>
    public string Name { get; }

    /// <summary>The array.</summary>
    public NpyFile Array { get; }

    /// <summary>The lengths of the axes behind the first.</summary>
    public IReadOnlyList<long> SampleShape { get; }

    /// <summary>Elements per sample.</summary>
    public long SampleElements { get; }

    /// <summary>Bytes per sample in the file.</summary>
    public long SampleBytes { get; }

    /// <summary>Copies one sample as it is in the file.</summary>
    /// <param name="sample">Its position among the samples of its length.</param>
    /// <param name="target"><see cref="SampleBytes"/> bytes.</param>
    public void Read(int sample, Span<byte> target) => Array.Read(PlaceOf(sample) * _stride, target[..(int)SampleBytes]);

    /// <summary>The place of a sample along the first axis of <see cref="Array"/>.</summary>
    internal long PlaceOf(int sample) => _samples is null ? sample : _samples[sample];
}
