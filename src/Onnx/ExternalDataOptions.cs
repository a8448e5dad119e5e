namespace OrtZero.Onnx;

/// <summary>How <see cref="OnnxModel.Save"/> moves tensor data out of the model file into a file beside it.</summary>
public sealed record ExternalDataOptions
{
    /// <summary>
    /// The data file's name, relative to the model's folder and inside it. Null means the model's file name with ".data"
    /// appended, as other exporters do. Default: null.
    /// </summary>
    public string? FileName { get; init; }

    /// <summary>Tensors of at least this many bytes move out; smaller ones stay in the model file. Default: 1024.</summary>
    public long Threshold { get; init; } = 1024;

    /// <summary>
    /// The offset of every tensor is a multiple of this many bytes. The default, 4096, is a page, so that readers can map tensors.
    /// </summary>
    public int Alignment { get; init; } = 4096;
}
