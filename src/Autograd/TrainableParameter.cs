using OrtZero.Onnx;

namespace OrtZero.Autograd;

/// <summary>One parameter of a training graph: an input of that name, and an output with its gradient.</summary>
/// <param name="Name">The name of the parameter and of its graph input.</param>
/// <param name="Type">The element type of the parameter and of its gradient.</param>
/// <param name="Shape">The lengths of the axes of the parameter and of its gradient.</param>
/// <param name="GradientName">The name of the graph output that holds the gradient.</param>
public sealed record TrainableParameter(string Name, TensorElementType Type, long[] Shape, string GradientName);
