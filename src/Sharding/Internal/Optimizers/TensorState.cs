namespace OrtZero.Sharding.Internal;

/// <summary>Optimizer state of a whole tensor that every rank holds.</summary>
/// <param name="Name">What it is called in checkpoints.</param>
/// <param name="Parameter">The index of the tensor in the plan.</param>
/// <param name="Values">Its numbers.</param>
internal sealed record TensorState(string Name, int Parameter, float[] Values);
