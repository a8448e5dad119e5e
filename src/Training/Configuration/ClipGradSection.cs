using OrtZero.Training.Internal;

namespace OrtZero.Training;

/// <summary>The <c>optim_wrapper.clip_grad</c> section: clipping by the norm over all parameters together.</summary>
public sealed record ClipGradSection
{
    /// <summary>How gradients are clipped. Default and only kind: "norm".</summary>
    public ClipGradKind Type { get; init; }

    /// <summary>Gradients are scaled down to this norm where theirs is greater. Required.</summary>
    [Limits(Above = 0)]
    public required double MaxNorm { get; init; }

    /// <summary>The p of the norm. Default and only value in this version: 2.</summary>
    public double NormType { get; init; } = 2;

    /// <summary>
    /// Whether a norm that is not finite ends training with an error. Default: false, it is logged and, under an
    /// AmpOptimWrapper, the update is skipped.
    /// </summary>
    public bool ErrorIfNonfinite { get; init; }
}
