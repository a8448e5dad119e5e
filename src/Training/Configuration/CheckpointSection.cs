using OrtZero.Training.Internal;

namespace OrtZero.Training;

/// <summary>The <c>checkpoint</c> section.</summary>
public sealed record CheckpointSection
{
    /// <summary>Writes a checkpoint every so many iterations. Null: only when a signal stops the run.</summary>
    [Limits(AtLeast = 1)]
    public long? Interval { get; init; }

    /// <summary>Keeps so many of the newest checkpoints. Null: all.</summary>
    [Limits(AtLeast = 1)]
    public int? MaxKeep { get; init; }

    /// <summary>
    /// What training starts from: "none", the model's own weights; "auto", the newest checkpoint in the work folder if there is
    /// one; or the path of a checkpoint. Default: "none".
    /// </summary>
    public ResumeChoice Resume { get; init; } = ResumeChoice.None;
}
