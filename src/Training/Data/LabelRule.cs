namespace OrtZero.Training;

/// <summary>Which labels a cross-entropy accepts.</summary>
/// <param name="Field">The data field with the labels.</param>
/// <param name="Classes">Labels are from 0 up to, not including, this.</param>
/// <param name="IgnoreIndex">Allowed too; such a label is left out of the loss.</param>
public sealed record LabelRule(string Field, long Classes, long IgnoreIndex);
