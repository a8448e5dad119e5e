using OrtZero.Training.Internal;

namespace OrtZero.Training;

/// <summary>The <c>model.loss</c> section.</summary>
public sealed record LossSection
{
    /// <summary>The formula: "cross_entropy", "mse" or "output". Required.</summary>
    public required LossKind Type { get; init; }

    /// <summary>
    /// The model output the loss is computed from: scores [.., classes] for a cross-entropy, predictions for a mean squared
    /// error, or the scalar loss itself for "output". Required.
    /// </summary>
    public required string Output { get; init; }

    /// <summary>
    /// The data field with the labels (a cross-entropy: class indices of the scores' shape without its last axis; a mean
    /// squared error: targets of the predictions' shape). Null: none, which only "output" allows.
    /// </summary>
    public string? Labels { get; init; }

    /// <summary>Labels of this value are left out of a cross-entropy's mean. Default: -100, as in PyTorch.</summary>
    public long IgnoreIndex { get; init; } = -100;

    /// <summary>The share of a cross-entropy's target spread over all classes. Default: 0.</summary>
    [Limits(AtLeast = 0, AtMost = 1)]
    public double LabelSmoothing { get; init; }

    /// <summary>
    /// What a loss is averaged over. Default: "micro_batch", each micro-batch on its own, as PyTorch's DistributedDataParallel
    /// does.
    /// </summary>
    public LossNormalization Normalize { get; init; }
}
