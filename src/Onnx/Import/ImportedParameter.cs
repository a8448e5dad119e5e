namespace OrtZero.Onnx;

/// <summary>An initializer of an imported model.</summary>
/// <param name="Name">The name it has now.</param>
/// <param name="OriginalName">
/// The initializer of the file that its values came from. Parameters that shared one initializer have the same.
/// </param>
/// <param name="Transposed">
/// Whether the values lie transposed relative to the original module's parameter: the exporter stores the weight [out, in] of a
/// Linear layer as [in, out].
/// </param>
/// <param name="Trainable">
/// False for running statistics, tensors that are not floating-point, tables and masks that are recomputable, exporter constants,
/// and everything no gradient can reach.
/// </param>
public sealed record ImportedParameter(string Name, string OriginalName, bool Transposed, bool Trainable);
