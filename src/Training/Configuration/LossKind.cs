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

    /// <summary>The model computes its loss itself, as a scalar output.</summary>
    [JsonStringEnumMemberName("output")]
    ModelOutput,
}
