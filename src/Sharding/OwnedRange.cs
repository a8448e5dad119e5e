namespace OrtZero.Sharding;

/// <summary>A stretch of a tensor in a rank's shard together with the settings the optimizer uses for it: what keeps a
/// parameter's own learning rate and weight decay attached to every piece it is cut into.</summary>
/// <param name="Range">The stretch.</param>
/// <param name="Settings">The settings of the parameter it belongs to.</param>
public sealed record OwnedRange(ShardRange Range, ParameterSettings Settings);
