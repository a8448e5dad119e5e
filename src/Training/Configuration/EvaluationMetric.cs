using System.Text.Json.Serialization;

namespace OrtZero.Training;

/// <summary>What <c>evaluation.metric</c> may be.</summary>
public enum EvaluationMetric
{
    /// <summary>Only the loss.</summary>
    [JsonStringEnumMemberName("none")]
    None,

    /// <summary>The share of labels whose score is the highest.</summary>
    [JsonStringEnumMemberName("token_accuracy")]
    TokenAccuracy,

    /// <summary>The share of samples all of whose labels have the highest score. A sample without labels is not counted.</summary>
    [JsonStringEnumMemberName("sequence_accuracy")]
    SequenceAccuracy,
}
