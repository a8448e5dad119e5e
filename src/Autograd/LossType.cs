namespace OrtZero.Autograd;

/// <summary>How the scalar that is differentiated is computed from a model output.</summary>
public enum LossType
{
    /// <summary>
    /// Mean cross-entropy over the last axis (or <see cref="LossOptions.Axis"/>): scores <c>[.., C]</c>, int64 labels <c>[..]</c>. The mean is over the labels that are
    /// not <see cref="LossOptions.IgnoreIndex"/>; where every label is ignored, loss and gradients are 0 (PyTorch gives NaN there,
    /// which would end a run for one batch of padding).
    /// </summary>
    CrossEntropy,

    /// <summary>Mean squared error: labels have the type and the shape of the output.</summary>
    MeanSquaredError,

    /// <summary>The output is the loss already: one element, no labels.</summary>
    ModelOutput,

    /// <summary>The mean of absolute differences: labels have the type and the shape of the output.</summary>
    L1,

    /// <summary>Squared up to <see cref="LossOptions.Delta"/>, linear beyond, averaged: labels have the type and the shape of the output.</summary>
    Huber,

    /// <summary>
    /// Binary cross-entropy of scores before the sigmoid, averaged over all elements: labels between 0 and 1 have the type and the shape of
    /// the output.
    /// </summary>
    BinaryCrossEntropy,

    /// <summary>
    /// Kullback-Leibler divergence of log-probabilities from the probabilities that are the labels, summed over all axes but the first and
    /// averaged over that one (PyTorch's <c>batchmean</c>, which is the divergence as it is defined).
    /// </summary>
    KullbackLeibler,
}
