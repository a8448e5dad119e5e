using OrtZero.Onnx;

namespace OrtZero.Sharding;

/// <summary>A tensor to write to a safetensors file.</summary>
/// <param name="Name">A unique name; not <c>__metadata__</c>.</param>
/// <param name="Type">The element type, one that the format knows.</param>
/// <param name="Shape">The lengths of the axes; empty for a scalar.</param>
/// <param name="Data">The elements in row-major order, little-endian.</param>
public sealed record SafetensorsTensor(string Name, TensorElementType Type, long[] Shape, ReadOnlyMemory<byte> Data);
