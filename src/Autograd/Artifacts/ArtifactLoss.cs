namespace OrtZero.Autograd;

/// <summary>The losses that official training artifacts are written with.</summary>
public enum ArtifactLoss
{
    /// <summary>Mean cross-entropy over the last axis: scores <c>[.., C]</c>, int64 labels <c>[..]</c>.</summary>
    CrossEntropy,

    /// <summary>Mean of squared differences; targets of the output's shape.</summary>
    MeanSquaredError,

    /// <summary>Mean of absolute differences; targets of the output's shape.</summary>
    L1,

    /// <summary>Mean binary cross-entropy of logits, written so that large logits do not overflow: softplus(x) - x·t.</summary>
    BceWithLogits,

    /// <summary>The output is the loss itself.</summary>
    ModelOutput,
}
