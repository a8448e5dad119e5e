namespace OrtZero.Autograd;

/// <summary>What <see cref="GradientCheck"/> found for one parameter.</summary>
/// <param name="Name">The parameter.</param>
/// <param name="Shape">The lengths of its axes.</param>
/// <param name="Norm">The Euclidean norm of the gradient.</param>
/// <param name="Probes">Directions and single elements along which it was compared with finite differences.</param>
/// <param name="Kinks">
/// Probes at a kink, where the slopes to both sides differ and the gradient lies between them; these agree.
/// </param>
/// <param name="Deviation">The largest difference from a finite difference, as a part of the gradient's size.</param>
/// <param name="SingleDeviation">
/// Where the comparison is in float64: the norm of the difference of the float32 gradient used in training, as a part of the norm.
/// </param>
/// <param name="IsReached"><c>false</c>: no rule leads from the outputs to this parameter, so its gradient is taken for zero.</param>
/// <param name="Agrees">Whether everything compared lies within the tolerance.</param>
/// <param name="Finding">The worst disagreement in words; <c>null</c> where all agrees.</param>
public sealed record ParameterGradientCheck(
    string Name, long[] Shape, double Norm, int Probes, int Kinks, double Deviation, double? SingleDeviation, bool IsReached, bool Agrees, string? Finding);
