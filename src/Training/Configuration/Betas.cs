namespace OrtZero.Training;

/// <summary>The decay rates of Adam's moments, written as a list of two numbers.</summary>
/// <param name="First">Of the first moment.</param>
/// <param name="Second">Of the second moment.</param>
public sealed record Betas(double First, double Second);
