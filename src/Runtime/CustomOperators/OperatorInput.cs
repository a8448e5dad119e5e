using OrtZero.Onnx;

namespace OrtZero.Runtime;

/// <summary>One declared input of a custom operator.</summary>
/// <param name="Type">The element type; <see cref="TensorElementType.Undefined"/> takes any.</param>
/// <param name="Optional">Nodes may leave it out.</param>
/// <param name="Variadic">It stands for one or more inputs; only the last may. With type Undefined each may have its own type.</param>
public sealed record OperatorInput(TensorElementType Type, bool Optional = false, bool Variadic = false);
