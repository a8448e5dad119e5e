using System.Text.Json;

namespace OrtZero.Sharding;

/// <summary>What <c>manifest.json</c> says about a checkpoint.</summary>
public sealed record CheckpointManifest
{
    /// <summary>The value of <see cref="Format"/>.</summary>
    public const string FormatName = "ortzero-checkpoint";

    /// <summary>The version this code writes, and the newest it reads.</summary>
    public const int CurrentVersion = 1;

    /// <summary>Always <see cref="FormatName"/>.</summary>
    public required string Format { get; init; }

    /// <summary>The version of the layout.</summary>
    public required int Version { get; init; }

    /// <summary>The step the directory is named after.</summary>
    public required long Step { get; init; }

    /// <summary>Counts the checkpoints of a directory in the order in which they were written, from 1: what tells the newest, because
    /// another number of ranks counts other steps. 0 in checkpoints written before there was one.</summary>
    public long Sequence { get; init; }

    /// <summary>How many updates were applied (the t of Adam's bias correction).</summary>
    public required long Updates { get; init; }

    /// <summary>The number of ranks that wrote it; any number may load it.</summary>
    public required int WorldSize { get; init; }

    /// <summary>The ZeRO stage it was written at; any stage may load it.</summary>
    public required int Stage { get; init; }

    /// <summary>The optimizer and its states. Null in checkpoints of the first version, which had AdamW only.</summary>
    public CheckpointOptimizer? Optimizer { get; init; }

    /// <summary>How many times the moving average was moved that the shards hold as "average". Null: they hold none.</summary>
    public long? AverageUpdates { get; init; }

    /// <summary>Every parameter.</summary>
    public required IReadOnlyList<CheckpointParameter> Parameters { get; init; }

    /// <summary>The settings of every group.</summary>
    public required IReadOnlyList<CheckpointGroup> Groups { get; init; }

    /// <summary>The files.</summary>
    public required IReadOnlyList<CheckpointShard> Shards { get; init; }

    /// <summary>Whatever the training loop gave to keep: schedule, data position, loss scale, random state.</summary>
    public required JsonElement RunState { get; init; }
}
