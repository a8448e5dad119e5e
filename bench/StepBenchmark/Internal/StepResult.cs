using System.Text.Json;

namespace OrtZero.StepBenchmark.Internal;

/// <summary>What one process measured; PyTorch's script writes the same keys.</summary>
internal sealed record StepResult
{
    internal static JsonSerializerOptions Json { get; } = new() { PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower };

    /// <summary>The time of every step after warm-up.</summary>
    public required IReadOnlyList<double> Seconds { get; init; }

    /// <summary>
    /// Processor time of all threads of the process, over the steps after warm-up: unlike the time on the clock it hardly
    /// depends on what else the machine does.
    /// </summary>
    public required double CpuSecondsPerStep { get; init; }

    /// <summary>The loss of this process's first micro-batch.</summary>
    public required double FirstLoss { get; init; }

    public required long PeakRssBytes { get; init; }

    /// <summary>Managed memory of all threads, over the steps after warm-up. Null: nothing is managed there.</summary>
    public double? AllocatedBytesPerStep { get; init; }

    /// <summary>Garbage collections in the steps after warm-up.</summary>
    public int Collections { get; init; }

    public required string Version { get; init; }

    /// <summary>The libraries of PyTorch's matrix products.</summary>
    public IReadOnlyList<string>? Blas { get; init; }
}
