namespace OrtZero.Training;

/// <summary>The <c>evaluation.sample</c> section: one validation sample is shown at the end, with what the model writes for it.</summary>
public sealed record SampleSection
{
    /// <summary>The data field with a picture to draw, [.., height, width]. Null: there is no picture.</summary>
    public string? Picture { get; init; }

    /// <summary>
    /// The model input with token ids. The model writes on from the first one: the scores at a position tell the token at the
    /// next, until the token whose text is "\n". Required.
    /// </summary>
    public required string Tokens { get; init; }
}
