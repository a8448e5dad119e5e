using OrtZero.Onnx;

namespace OrtZero.Training;

/// <summary>One array of a data set, cut into samples along its first axis.</summary>
public sealed class DataField
{
    internal DataField(string name, NpyFile array)
    {
        Name = name;
        Array = array;
        SampleShape = [.. array.Shape.Skip(1)];
        SampleElements = SampleShape.Aggregate(1L, (product, length) => product * length);
        SampleBytes = array.ElementType.SizeInBytes(SampleElements);
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
    /// <param name="sample">Its position along the first axis.</param>
    /// <param name="target"><see cref="SampleBytes"/> bytes.</param>
    public void Read(int sample, Span<byte> target) => Array.Read(sample * SampleBytes, target[..(int)SampleBytes]);
}
