using OrtZero.Training.Internal;

namespace OrtZero.Training;

/// <summary>The <c>log</c> section.</summary>
public sealed record LogSection
{
    /// <summary>Logs every so many iterations. Default: 10.</summary>
    [Limits(AtLeast = 1)]
    public int Interval { get; init; } = 10;

    /// <summary>Whether TensorBoard event files are written to work_dir/tensorboard. Default: false.</summary>
    public bool Tensorboard { get; init; }

    /// <summary>Whether each rank writes work_dir/trace/rank-N.json at the end of the run: what it computed and communicated when, as a
    /// Chrome trace. Default: false.</summary>
    public bool Trace { get; init; }

    /// <summary>Whether work_dir/metrics.jsonl is written. Default: true.</summary>
    public bool Jsonl { get; init; } = true;
}
