using OrtZero.Onnx;

namespace OrtZero.Training;

/// <summary>One input of the training graph as <see cref="BatchFiller"/> fills it.</summary>
/// <param name="Name">The graph input and data field.</param>
/// <param name="Type">The type of the elements in the graph.</param>
/// <param name="Shape">The lengths of all axes; the first is the micro-batch size.</param>
/// <param name="ByteLength">The bytes of a micro-batch.</param>
public sealed record BatchInput(string Name, TensorElementType Type, IReadOnlyList<long> Shape, long ByteLength);
