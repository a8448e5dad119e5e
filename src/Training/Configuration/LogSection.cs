using OrtZero.Training.Internal;

namespace OrtZero.Training;

/// <summary>The <c>log</c> section.</summary>
public sealed record LogSection
{
    /// <summary>Logs every so many iterations. Default: 10.</summary>
    [Limits(AtLeast = 1)]
    public int Interval { get; init; } = 10;

    /// <summary>Whether every log interval measures its last update in each parameter group (gradient norm, parameter norm, how much of the
    /// weights the update changes, share of gradients that are 0) and warns of groups that get no gradient, explode or vanish. Costs
    /// nothing between. Default: true.</summary>
    public bool Watch { get; init; } = true;

    /// <summary>Whether every log interval also measures how far each group's parameters are from where they were at the start; each rank
    /// keeps a copy of its shard of them for that. Default: false.</summary>
    public bool WatchDistance { get; init; }

    /// <summary>Whether TensorBoard event files are written to work_dir/tensorboard. Default: false.</summary>
    public bool Tensorboard { get; init; }

    /// <summary>Whether each rank writes work_dir/trace/rank-N.json at the end of the run: what it computed and communicated when, as a
    /// Chrome trace. Default: false.</summary>
    public bool Trace { get; init; }

    /// <summary>Whether work_dir/metrics.jsonl is written. Default: true.</summary>
    public bool Jsonl { get; init; } = true;
}
