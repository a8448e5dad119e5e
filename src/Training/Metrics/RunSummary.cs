using System.Text.Json;
using System.Text.Json.Serialization;
using OrtZero.Training.Internal;

namespace OrtZero.Training;

/// <summary>How a run went, written once at its end as summary.json.</summary>
public sealed record RunSummary
{
    /// <summary>How it ended.</summary>
    public required RunOutcome Outcome { get; init; }

    /// <summary>Why it failed. Null: it did not.</summary>
    public string? Error { get; init; }

    /// <summary>Names the run.</summary>
    public required string RunId { get; init; }

    /// <summary>Iterations done since the start of training.</summary>
    [JsonPropertyName("iter")]
    public required long Iterations { get; init; }

    /// <summary>Epochs done.</summary>
    public required int Epochs { get; init; }

    /// <summary>Optimizer updates applied.</summary>
    public long Updates { get; init; }

    /// <summary>Updates skipped because a gradient was not finite.</summary>
    public long SkippedUpdates { get; init; }

    /// <summary>The last logged loss. Null: none was logged.</summary>
    public double? Loss { get; init; }

    /// <summary>The last validation. Null: there was none.</summary>
    public ValidationRecord? Validation { get; init; }

    /// <summary>Whether early_stopping ended it before its last iteration.</summary>
    public bool StoppedEarly { get; init; }

    /// <summary>The best model, as checkpoint.save_best finds it. Null: none was looked for.</summary>
    public BestModel? Best { get; init; }

    /// <summary>The number of processes.</summary>
    public required int WorldSize { get; init; }

    /// <summary>Seconds spent training, opening and validation excluded.</summary>
    public double TrainingSeconds { get; init; }

    /// <summary>Seconds from the process's begin to its end.</summary>
    public double TotalSeconds { get; init; }

    /// <summary>Samples of all ranks together per second of training.</summary>
    public double SamplesPerSecond { get; init; }

    /// <summary>The most memory rank 0 ever had resident, in bytes.</summary>
    public long PeakRssBytes { get; init; }

    /// <summary>By kind, the most memory that any rank held.</summary>
    public MemoryUse Memory { get; init; } = new();

    /// <summary>The trained model. Null: none was written.</summary>
    public string? ModelPath { get; init; }

    /// <summary>The newest checkpoint. Null: none was written.</summary>
    public string? CheckpointPath { get; init; }

    /// <summary>
    /// Writes the summary in place of an older one, in one piece: a reader sees either the old file or the new one.
    /// Numbers that are not finite are written as the strings "NaN", "Infinity" and "-Infinity".
    /// </summary>
    public void Save(string path)
    {
        ArgumentNullException.ThrowIfNull(path);
        AtomicFile.Write(path, JsonSerializer.SerializeToUtf8Bytes(this, MetricsJson.Indented));
    }

    /// <summary>Reads a summary back.</summary>
    /// <exception cref="InvalidDataException">The file is not a summary.</exception>
    public static RunSummary Load(string path)
    {
        ArgumentNullException.ThrowIfNull(path);
        try
        {
            return JsonSerializer.Deserialize<RunSummary>(File.ReadAllBytes(path), MetricsJson.Indented)
                ?? throw new JsonException("It holds null.");
        }
        catch (JsonException exception)
        {
            throw new InvalidDataException($"{path} is not the summary of a run: {exception.Message}", exception);
        }
    }
}
