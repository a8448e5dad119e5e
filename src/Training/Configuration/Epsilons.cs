namespace OrtZero.Training;

/// <summary>What is added to a denominator, written as a number; for Adafactor two limits, written as a list.</summary>
/// <param name="First">The number, or Adafactor's first, null for its default.</param>
/// <param name="Second">Adafactor's second number; null when one number was written.</param>
public sealed record Epsilons(double? First, double? Second);
