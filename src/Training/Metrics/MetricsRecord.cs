namespace OrtZero.Training;

/// <summary>What one log interval measured: one line of metrics.jsonl.</summary>
public sealed record MetricsRecord
{
    /// <summary>Iterations done since the start of training, this one included: the first is 1.</summary>
    public required long Iteration { get; init; }

    /// <summary>The epoch this iteration belongs to; the first is 0.</summary>
    public required int Epoch { get; init; }

    /// <summary>The mean loss of every micro-batch on every rank since the previous record.</summary>
    public required double Loss { get; init; }

    /// <summary>The norm of the last update's gradient, before clipping. Null: there was no update yet.</summary>
    public double? GradientNorm { get; init; }

    /// <summary>The settings of every group in the last update.</summary>
    public IReadOnlyList<GroupMetrics> Groups { get; init; } = [];

    /// <summary>The loss scale. Null: losses are not scaled.</summary>
    public double? LossScale { get; init; }

    /// <summary>Samples of all ranks together per second since the previous record.</summary>
    public required double SamplesPerSecond { get; init; }

    /// <summary>The most memory this process ever had resident, in bytes.</summary>
    public required long PeakRssBytes { get; init; }

    /// <summary>The bytes of parameters, gradients, optimizer state and moving average that this process holds.</summary>
    public long ModelStateBytes { get; init; }

    /// <summary>Updates skipped so far because a gradient was not finite.</summary>
    public long SkippedUpdates { get; init; }
}
