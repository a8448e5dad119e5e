using System.Globalization;
using System.Text.Json;
using Microsoft.Extensions.Logging.Abstractions;
using OrtZero.Mpi;
using OrtZero.Training;

namespace OrtZero.StepBenchmark.Internal;

/// <summary>What the benchmark runs in every rank's own process: a training run, observed step by step.</summary>
internal static class RankWork
{
    /// <summary>The first argument of a rank's process.</summary>
    internal const string Command = "rank-work";

    /// <summary>The command line of a rank.</summary>
    internal static IReadOnlyList<string> Arguments(string configuration, int warmUp, string results) =>
        [Command, configuration, warmUp.ToString(CultureInfo.InvariantCulture), results];

    internal static string ResultFile(string results, int rank) => Path.Combine(results, $"rank-{rank}.json");

    internal static int Run(string[] args)
    {
        var (path, warmUp, results) = (args[1], int.Parse(args[2], CultureInfo.InvariantCulture), args[3]);
        var communicator = MpiEnvironment.Initialize();
        try
        {
            var configuration = TrainingConfiguration.Load(path);
            using var run = TrainingRun.Open(configuration, communicator, NullLogger.Instance);
            var clock = new StepClock(warmUp, (int)configuration.TrainCfg.MaxIters!);
            run.Observe(clock);
            run.Execute(CancellationToken.None);
            File.WriteAllText(
                ResultFile(results, communicator.Rank), JsonSerializer.Serialize(clock.Result(communicator.Description), StepResult.Json));
        }
        catch (Exception exception) when (communicator.Size > 1)
        {
            // The other ranks wait in a collective that this one will never reach.
            Console.Error.WriteLine($"Rank {communicator.Rank}: {exception.Message}");
            communicator.Abort(1);
        }

        communicator.Dispose();
        return 0;
    }
}
