using System.Text.Json.Serialization;

namespace OrtZero.Training;

/// <summary>What <c>model.loss.type</c> may be.</summary>
public enum LossKind
{
    /// <summary>Softmax cross-entropy with integer labels, averaged over the labels that count.</summary>
    [JsonStringEnumMemberName("cross_entropy")]
    CrossEntropy,

    /// <summary>The mean of squared differences over all elements.</summary>
    [JsonStringEnumMemberName("mse")]
    MeanSquaredError,

    /// <summary>The mean of absolute differences over all elements.</summary>
    [JsonStringEnumMemberName("l1")]
    L1,

    /// <summary>The mean over all elements of a square that becomes a line, PyTorch's HuberLoss.</summary>
    [JsonStringEnumMemberName("huber")]
    Huber,

    /// <summary>Binary cross-entropy of scores before the sigmoid, the mean over all elements, PyTorch's BCEWithLogitsLoss.</summary>
    [JsonStringEnumMemberName("bce_with_logits")]
    BinaryCrossEntropy,

    /// <summary>Kullback-Leibler divergence of log-probabilities, per sample, PyTorch's KLDivLoss with reduction "batchmean".</summary>
    [JsonStringEnumMemberName("kl_div")]
    KullbackLeibler,

    /// <summary>The model computes its loss itself, as a scalar output.</summary>
    [JsonStringEnumMemberName("output")]
    ModelOutput,
}
