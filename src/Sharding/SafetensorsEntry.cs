using OrtZero.Onnx;

namespace OrtZero.Sharding;

/// <summary>Where a safetensors file holds one tensor.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Type">Its element type.</param>
/// <param name="Shape">The lengths of its axes; empty for a scalar.</param>
/// <param name="FileOffset">Its first byte, from the start of the file.</param>
/// <param name="ByteLength">Its length in bytes.</param>
public sealed record SafetensorsEntry(string Name, TensorElementType Type, long[] Shape, long FileOffset, long ByteLength);
