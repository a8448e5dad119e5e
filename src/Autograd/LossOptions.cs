namespace OrtZero.Autograd;

/// <summary>Which model output is trained, and how.</summary>
public sealed record LossOptions
{
    /// <summary>The formula. Default: cross-entropy.</summary>
    public LossType Type { get; init; } = LossType.CrossEntropy;

    /// <summary>The name of the model output that the loss reads.</summary>
    public required string Output { get; init; }

    /// <summary>The name of the graph input to add for the labels; <c>null</c> (only for <see cref="LossType.ModelOutput"/>): none.</summary>
    public string? Labels { get; init; }

    /// <summary>Cross-entropy: labels of this value do not count, neither in the sum nor in its divisor. Default: -100, as in PyTorch.</summary>
    public long IgnoreIndex { get; init; } = -100;

    /// <summary>
    /// Cross-entropy: this share of each target is spread evenly over all classes, at least 0 and less than or equal to 1, as PyTorch's
    /// <c>label_smoothing</c>. Default: 0.
    /// </summary>
    public double LabelSmoothing { get; init; }
}
