using OrtZero.Onnx.Protobuf;

namespace OrtZero.Sharding.Internal;

/// <summary>A node that reads a value, and at which of its inputs.</summary>
internal readonly record struct ParameterRead(NodeProto Node, int Position);
