using OrtZero.Onnx.Protobuf;

namespace OrtZero.Autograd;

/// <summary>The optimizer's memory of one parameter in an official checkpoint.</summary>
/// <param name="Parameter">The parameter's name.</param>
/// <param name="Moments">
/// Tensors of the parameter's shape: "momentum0" and, of AdamW, "momentum1", the first and second moment.
/// </param>
public sealed record ParameterMoments(string Parameter, IReadOnlyList<TensorProto> Moments);
