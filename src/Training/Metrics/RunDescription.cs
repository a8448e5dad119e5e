namespace OrtZero.Training;

/// <summary>What a run is, told once before its first iteration.</summary>
public sealed record RunDescription
{
    /// <summary>Names this run; the same on every rank.</summary>
    public required string RunId { get; init; }

    /// <summary>This process among <see cref="WorldSize"/>.</summary>
    public required int Rank { get; init; }

    /// <summary>The number of processes.</summary>
    public required int WorldSize { get; init; }

    /// <summary>The machine this process runs on.</summary>
    public string Host { get; init; } = Environment.MachineName;

    /// <summary>The operating system's number of this process.</summary>
    public int ProcessId { get; init; } = Environment.ProcessId;

    /// <summary>SHA-256 of the configuration in effect, hexadecimal; ranks with different ones cannot train together.</summary>
    public required string ConfigurationHash { get; init; }

    /// <summary>SHA-256 of the model file, hexadecimal.</summary>
    public required string ModelHash { get; init; }

    /// <summary>The model file.</summary>
    public required string ModelPath { get; init; }

    /// <summary>The run's folder.</summary>
    public required string WorkDir { get; init; }

    /// <summary>The iteration training starts at: 0, or where the resumed checkpoint was.</summary>
    public long FirstIteration { get; init; }

    /// <summary>The iteration training ends before.</summary>
    public required long TotalIterations { get; init; }

    /// <summary>Iterations per epoch.</summary>
    public required int IterationsPerEpoch { get; init; }

    /// <summary>Trainable elements of the model.</summary>
    public long TrainableElements { get; init; }

    /// <summary>The ZeRO stage.</summary>
    public int ZeroStage { get; init; }

    /// <summary>The names of the parameter groups, in the order of <see cref="MetricsRecord.Groups"/>.</summary>
    public IReadOnlyList<string> Groups { get; init; } = [];

    /// <summary>When the process began, in coordinated universal time.</summary>
    public DateTimeOffset StartedAt { get; init; }
}
