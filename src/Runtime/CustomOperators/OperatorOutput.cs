using OrtZero.Onnx;

namespace OrtZero.Runtime;

/// <summary>One declared output of a custom operator.</summary>
/// <param name="Type">
/// The element type; <see cref="TensorElementType.Undefined"/> means that of the only input declared Undefined.
/// </param>
/// <param name="Optional">Nodes may leave it out.</param>
/// <param name="Variadic">It stands for one or more outputs; only the last may.</param>
public sealed record OperatorOutput(TensorElementType Type, bool Optional = false, bool Variadic = false);
