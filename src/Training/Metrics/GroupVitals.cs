namespace OrtZero.Training;

/// <summary>What one update did to the parameters of a group that are trained at the moment, over all ranks.</summary>
/// <param name="GradientNorm">The L2 norm of their gradient, before clipping.</param>
/// <param name="ParameterNorm">Their L2 norm before the update. Null: the update was skipped.</param>
/// <param name="UpdateRatio">The L2 norm of what the update added to them, divided by <paramref name="ParameterNorm"/>. Null: the update was
/// skipped, or they were all 0.</param>
/// <param name="ZeroShare">The share of elements of their gradient that are exactly 0. Null: the update was skipped.</param>
public sealed record GroupVitals(double GradientNorm, double? ParameterNorm, double? UpdateRatio, double? ZeroShare);
