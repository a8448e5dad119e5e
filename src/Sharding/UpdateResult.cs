namespace OrtZero.Sharding;

/// <summary>What an update did; equal on every rank.</summary>
/// <param name="GradientNorm">The global L2 norm of the divided gradient, before clipping; NaN or infinity when the update was skipped.</param>
/// <param name="Skipped">True when a gradient held a NaN or an infinity: parameters and optimizer state are as they were.</param>
/// <param name="ClipFactor">What the gradient was multiplied by to keep to the maximal norm; 1 when it was not clipped.</param>
public readonly record struct UpdateResult(double GradientNorm, bool Skipped, double ClipFactor);
