using OrtZero.Coordinator.Protocol;
using OrtZero.Training;

namespace OrtZero.Coordinator.Tests;

/// <summary>Runs, records and waits for tests.</summary>
internal static class Runs
{
    public static Training.RunDescription Describe(int rank = 0, int worldSize = 1, string configuration = "c0ffee", string model = "beef", string runId = "run-1") => new()
    {
        RunId = runId,
        Rank = rank,
        WorldSize = worldSize,
        Host = $"host{rank}",
        ProcessId = 100 + rank,
        ConfigurationHash = configuration,
        ModelHash = model,
        ModelPath = "model.onnx",
        WorkDir = "runs/one",
        TotalIterations = 200,
        IterationsPerEpoch = 100,
    };

    public static MetricsRecord Record(long iteration, double loss = 0.5) => new()
    {
        Iteration = iteration,
        Epoch = 0,
        Loss = loss,
        GradientNorm = 1.25,
        Groups = [new Training.GroupMetrics("base", 0.001, 0.05)],
        SamplesPerSecond = 1000,
        PeakRssBytes = 1 << 28,
    };

    public static RunSummary Summary(RunOutcome outcome = RunOutcome.Completed, string? error = null) => new()
    {
        Outcome = outcome,
        Error = error,
        RunId = "run-1",
        Iterations = 200,
        Epochs = 2,
        WorldSize = 1,
    };

    public static RegisterRequest Request(int rank = 0, int worldSize = 2, string configuration = "c0ffee", string model = "beef", string runId = "run-1", int process = 0) => new()
    {
        RunId = runId,
        Rank = rank,
        WorldSize = worldSize,
        Host = $"host{rank}",
        ProcessId = process == 0 ? 100 + rank : process,
        ConfigurationHash = configuration,
        ModelHash = model,
    };

    /// <summary>Options with short waits, for real clocks.</summary>
    public static CoordinatorClientOptions Hasty(TimeSpan? finish = null) => new()
    {
        HeartbeatInterval = TimeSpan.FromMilliseconds(20),
        InitialBackoff = TimeSpan.FromMilliseconds(20),
        MaxBackoff = TimeSpan.FromMilliseconds(60),
        FinishTimeout = finish ?? TimeSpan.FromSeconds(20),
    };

    /// <summary>Watches the run until it is as wanted; the limit only ends a test that has failed.</summary>
    public static async Task<RunStatus> WaitForAsync(string address, Func<RunStatus, bool> condition, int history = -1)
    {
        using var connection = new CoordinatorConnection(address);
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(30));
        await foreach (var status in connection.WatchAsync(history, limit.Token))
        {
            if (condition(status))
            {
                return status;
            }
        }

        throw new InvalidOperationException("The stream ended.");
    }
}
