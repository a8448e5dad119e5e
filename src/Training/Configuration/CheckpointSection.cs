using OrtZero.Training.Internal;

namespace OrtZero.Training;

/// <summary>The <c>checkpoint</c> section.</summary>
public sealed record CheckpointSection
{
    /// <summary>Writes a checkpoint every so many iterations, and at the end of the run. Null: only when a signal stops the run.</summary>
    [Limits(AtLeast = 1)]
    public long? Interval { get; init; }

    /// <summary>Keeps so many of the newest checkpoints. Null: all.</summary>
    [Limits(AtLeast = 1)]
    public int? MaxKeep { get; init; }

    /// <summary>
    /// Beside those of max_keep, keeps for good the first checkpoint of every so many iterations. Null: none. Has no effect without
    /// max_keep, which keeps all.
    /// </summary>
    [Limits(AtLeast = 1)]
    public long? KeepEvery { get; init; }

    /// <summary>
    /// Writes checkpoints while training goes on: it waits only until a rank's part is copied, for which the rank needs that much memory
    /// more. False: training waits until a checkpoint is on the disk. Default: true.
    /// </summary>
    public bool Async { get; init; } = true;

    /// <summary>
    /// Keeps the checkpoints with the best values of this, "loss" or the name of evaluation.metric, in checkpoints/best. Null: none.
    /// </summary>
    public string? SaveBest { get; init; }

    /// <summary>Which values of save_best are better. Null: "less" for a loss, "greater" for a metric.</summary>
    public PlateauRule? Rule { get; init; }

    /// <summary>How many of the best checkpoints are kept. Default: 1.</summary>
    [Limits(AtLeast = 1)]
    public int BestMaxKeep { get; init; } = 1;

    /// <summary>
    /// What training starts from: "none", the model's own weights; "auto", the newest checkpoint in the work folder if there is
    /// one; or the path of a checkpoint. Default: "none".
    /// </summary>
    public ResumeChoice Resume { get; init; } = ResumeChoice.None;
}
