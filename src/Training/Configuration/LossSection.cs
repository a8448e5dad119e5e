using OrtZero.Training.Internal;

namespace OrtZero.Training;

/// <summary>The <c>model.loss</c> section, or one of several that are added.</summary>
public sealed record LossSection
{
    /// <summary>The formula: "cross_entropy", "mse", "l1", "huber", "bce_with_logits", "kl_div" or "output". Required.</summary>
    public required LossKind Type { get; init; }

    /// <summary>
    /// The model output the loss is computed from: scores with one per class along axis for a cross-entropy, scores before the
    /// sigmoid for "bce_with_logits", log-probabilities for "kl_div", predictions for the others, or the scalar loss itself for
    /// "output". Required.
    /// </summary>
    public required string Output { get; init; }

    /// <summary>
    /// The data field with the labels: class indices (integers) of the scores' shape without the axis of classes for a
    /// cross-entropy, else numbers of the output's shape. Null: none, which only "output" allows.
    /// </summary>
    public string? Labels { get; init; }

    /// <summary>What the loss is multiplied by, which matters where several are added. Default: 1.</summary>
    public double Weight { get; init; } = 1;

    /// <summary>Labels of this value are left out of a cross-entropy's mean. Default: -100, as in PyTorch.</summary>
    public long IgnoreIndex { get; init; } = -100;

    /// <summary>
    /// A weight for each class of a cross-entropy; the mean then divides by the weights of the labels, as PyTorch's
    /// CrossEntropyLoss(weight) does. Null: all classes count the same.
    /// </summary>
    [Limits(AtLeast = 0)]
    public IReadOnlyList<double>? ClassWeights { get; init; }

    /// <summary>The share of a cross-entropy's target spread over all classes. Default: 0.</summary>
    [Limits(AtLeast = 0, AtMost = 1)]
    public double LabelSmoothing { get; init; }

    /// <summary>
    /// The axis of a cross-entropy's scores that has one score per class, counted from the end if negative. Default: -1, the last;
    /// 1 is PyTorch's convention for pictures, [samples, classes, height, width].
    /// </summary>
    public int Axis { get; init; } = -1;

    /// <summary>Where the square of a Huber loss becomes a line. Default: 1, as in PyTorch.</summary>
    [Limits(Above = 0)]
    public double Delta { get; init; } = 1;

    /// <summary>
    /// The weight of positive labels of "bce_with_logits": a list with one for all or one per element of the output's last axis.
    /// Null: 1.
    /// </summary>
    [Limits(AtLeast = 0)]
    public IReadOnlyList<double>? PosWeight { get; init; }

    /// <summary>
    /// What a loss is averaged over. Default: "micro_batch", each micro-batch on its own, as PyTorch's DistributedDataParallel
    /// does. "global" divides the sum over all micro-batches and ranks of an update once, by the number of labels (or the sum of
    /// their class_weights) in it; of several added losses each by what it counts itself.
    /// </summary>
    public LossNormalization Normalize { get; init; }
}
