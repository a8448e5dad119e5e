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

    /// <summary>
    /// A JSON list with the text of every token id, by which predictions are shown as text. A relative path is taken from the
    /// folder of cfg.json. Null: predictions are not shown.
    /// </summary>
    [FilePath(MustExist = true)]
    public string? Vocabulary { get; init; }

    /// <summary>Which validation sample is shown at the end, and how. Null: none.</summary>
    public SampleSection? Sample { get; init; }
}
