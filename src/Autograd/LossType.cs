namespace OrtZero.Autograd;

/// <summary>How the scalar that is differentiated is computed from a model output.</summary>
public enum LossType
{
    /// <summary>
    /// Mean cross-entropy over the last axis: scores <c>[.., C]</c>, int64 labels <c>[..]</c>. The mean is over the labels that are
    /// not <see cref="LossOptions.IgnoreIndex"/>; where every label is ignored, loss and gradients are 0 (PyTorch gives NaN there,
    /// which would end a run for one batch of padding).
    /// </summary>
    CrossEntropy,

    /// <summary>Mean squared error: labels have the type and the shape of the output.</summary>
    MeanSquaredError,

    /// <summary>The output is the loss already: one element, no labels.</summary>
    ModelOutput,
}
