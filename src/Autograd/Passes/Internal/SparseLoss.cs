namespace OrtZero.Autograd.Internal;

/// <summary>What a loss reads after <see cref="LabelSparsity"/>.</summary>
/// <param name="Output">The scores of the rows that are left, in the place of the model's output.</param>
/// <param name="Input">The graph input with the labels of all rows.</param>
/// <param name="Labels">The labels of the rows that are left.</param>
internal sealed record SparseLoss(Value Output, Value Input, Value Labels);
