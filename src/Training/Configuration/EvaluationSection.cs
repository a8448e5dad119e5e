using OrtZero.Training.Internal;

namespace OrtZero.Training;

/// <summary>The <c>evaluation</c> section: what validation measures besides the loss.</summary>
public sealed record EvaluationSection
{
    /// <summary>
    /// The metric, over the labels that are not model.loss.ignore_index. Null: "token_accuracy" where the loss is a
    /// cross-entropy, else "none".
    /// </summary>
    public EvaluationMetric? Metric { get; init; }

    /// <summary>Validates on so many of the first samples. Null: on all.</summary>
    [Limits(AtLeast = 1)]
    public int? MaxSamples { get; init; }
}
