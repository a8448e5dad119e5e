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

    /// <summary>Cross-entropy: the axis of the scores that counts classes, from the end if negative. Default: the last.</summary>
    public long Axis { get; init; } = -1;

    /// <summary>
    /// Cross-entropy: one weight per class, as PyTorch's <c>weight</c>; the mean then divides by the weights of the labels. <c>null</c>
    /// (default): all classes count the same.
    /// </summary>
    public IReadOnlyList<double>? ClassWeights { get; init; }

    /// <summary>Huber: where the square becomes a line. Default: 1, as in PyTorch.</summary>
    public double Delta { get; init; } = 1;

    /// <summary>
    /// Binary cross-entropy: the weight of positives, one for all or one per element of the last axis, as PyTorch's <c>pos_weight</c>.
    /// <c>null</c> (default): 1.
    /// </summary>
    public IReadOnlyList<double>? PositiveWeight { get; init; }

    /// <summary>Multiplies the loss. Default: 1.</summary>
    public double Weight { get; init; } = 1;

    /// <summary>
    /// <c>true</c>: loss and gradients are sums, and <see cref="TrainingGraph.CountName"/> tells what to divide them by, so that a mean over
    /// several micro-batches and ranks is divided once. Where losses are added and one of them is a sum, each is divided in the graph by a
    /// number of its own, from <see cref="TrainingGraph.DivisorInputs"/>. Default: <c>false</c>, the mean over the micro-batch.
    /// </summary>
    public bool IsSum { get; init; }

    /// <summary>Further losses that are added to this one, each with its own output, labels and <see cref="Weight"/>. Default: none.</summary>
    public IReadOnlyList<LossOptions> Others { get; init; } = [];
}
