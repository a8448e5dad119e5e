namespace OrtZero.StepBenchmark.Internal;

/// <summary>What one invocation measures.</summary>
internal sealed record SuiteOptions
{
    internal required IReadOnlyList<Workload> Workloads { get; init; }

    /// <summary>Steps measured per round.</summary>
    internal required int Steps { get; init; }

    internal required int Rounds { get; init; }

    /// <summary>The Python to ask for PyTorch. Null: no baseline.</summary>
    internal required string? Python { get; init; }

    /// <summary>The folder of the report.</summary>
    internal required string Output { get; init; }

    /// <summary>How to repeat this, for the report.</summary>
    internal required string Command { get; init; }
}
