using OrtZero.Onnx;

namespace OrtZero.Autograd;

/// <summary>
/// A value that a training graph reads and replaces without a gradient, like the running statistics of a batch normalization. It is an
/// initializer of the forward model, a graph input and a graph output. After every run the caller copies the output's value to the input
/// (or exchanges the two buffers); an output must not be bound to the buffer of its input.
/// </summary>
/// <remarks>
/// Each rank updates its own statistics from its own micro-batches, as PyTorch's DistributedDataParallel does. Their mean over the ranks is
/// what evaluation, checkpoints and the exported model use: it is the statistics of all samples that were seen, whatever the rank.
/// </remarks>
/// <param name="InputName">The name of the graph input, which is that of the forward model's initializer.</param>
/// <param name="OutputName">The name of the graph output that holds the next value.</param>
/// <param name="Type">The element type.</param>
/// <param name="Shape">The lengths of the axes.</param>
public sealed record StateUpdate(string InputName, string OutputName, TensorElementType Type, long[] Shape);
