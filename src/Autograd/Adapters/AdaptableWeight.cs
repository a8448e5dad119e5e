namespace OrtZero.Autograd;

/// <summary>A weight of a forward model that a <see cref="LowRankAdapter"/> can be put beside.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Inputs">The length of the vectors it multiplies.</param>
/// <param name="Outputs">The length of its products.</param>
/// <param name="IsTransposed">Whether the model stores it as [inputs, outputs] rather than [outputs, inputs].</param>
/// <param name="Nodes">The names of the MatMul and Gemm nodes that multiply by it.</param>
/// <param name="Biases">Initializers that are added to its products.</param>
/// <param name="IsOutputLayer">Whether its product is an output of the model, but for a bias, a reshape or a pointwise function.</param>
public sealed record AdaptableWeight(
    string Name, long Inputs, long Outputs, bool IsTransposed, IReadOnlyList<string> Nodes, IReadOnlyList<string> Biases, bool IsOutputLayer);
