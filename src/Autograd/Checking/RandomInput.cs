using OrtZero.Onnx.Protobuf;

namespace OrtZero.Autograd;

/// <summary>An input that was made up.</summary>
/// <param name="Tensor">The values, under the name of the input.</param>
/// <param name="Origin">Where the values come from, for the user: <c>0 to 255, the rows of 'tok.weight'</c>.</param>
public sealed record RandomInput(TensorProto Tensor, string Origin);
