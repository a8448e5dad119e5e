namespace OrtZero.Training;

/// <summary>What <c>model.dropout</c> asks for, written as true, false or a rate.</summary>
/// <param name="IsOn">Whether dropouts drop.</param>
/// <param name="Rate">The probability of an element to be dropped; null for that of each node.</param>
public sealed record DropoutChoice(bool IsOn, double? Rate);
