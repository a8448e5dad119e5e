namespace OrtZero.Onnx.Internal;

/// <summary>A weight that the exporter had written out although it is the transposed table of another layer.</summary>
/// <param name="Name">The value that a Transpose node now produces.</param>
/// <param name="OriginalName">The initializer it was in the file.</param>
/// <param name="Table">The initializer it is tied to.</param>
internal sealed record FoldedTie(string Name, string OriginalName, string Table);
