using OrtZero.Onnx.Protobuf;

namespace OrtZero.Autograd.Internal;

/// <summary>A product with a weight.</summary>
/// <param name="Node">The MatMul or Gemm.</param>
/// <param name="IsLeft">Whether the weight is the first operand.</param>
/// <param name="IsTransposed">Whether the weight is stored as [inputs, outputs].</param>
internal sealed record AdapterSite(NodeProto Node, bool IsLeft, bool IsTransposed);
