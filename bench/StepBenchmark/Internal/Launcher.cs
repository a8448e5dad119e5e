using System.Diagnostics;
using System.Globalization;
using System.Text.Json;

namespace OrtZero.StepBenchmark.Internal;

/// <summary>Starts the processes that are measured, and reads what they measured.</summary>
internal static class Launcher
{
    /// <summary>Trains with OrtZero: real processes under mpiexec, one process without it.</summary>
    /// <returns>The result of every rank.</returns>
    internal static IReadOnlyList<StepResult> Train(StepCase step, int steps, string data)
    {
        var iterations = step.Workload.WarmUp + steps;
        var configuration = Path.Combine(data, "cfg.json");
        File.WriteAllText(configuration, step.Configuration(data, iterations));
        var worker = Environment.ProcessPath!;
        var arguments = RankWork.Arguments(configuration, step.Workload.WarmUp, data);
        if (step.Ranks == 1)
        {
            Start(worker, arguments);
        }
        else
        {
            Start("mpiexec.mpich", ["-n", step.Ranks.ToString(CultureInfo.InvariantCulture), worker, .. arguments]);
        }

        return [.. Enumerable.Range(0, step.Ranks).Select(rank => Read(RankWork.ResultFile(data, rank)))];
    }

    /// <summary>Trains with OrtZero by a configuration of its own, in one process.</summary>
    internal static StepResult Run(string configuration, int warmUp, string folder)
    {
        var path = Path.Combine(folder, "cfg.json");
        File.WriteAllText(path, configuration);
        Start(Environment.ProcessPath!, RankWork.Arguments(path, warmUp, folder));
        return Read(RankWork.ResultFile(folder, 0));
    }

    /// <summary>Trains with PyTorch, in one process.</summary>
    internal static StepResult TrainBaseline(string python, Workload workload, int threads, int steps, double expectedLoss, string data)
    {
        var result = Path.Combine(data, "torch.json");
        Start(
            python,
            [
                Path.Combine(Repository.Root, "bench", "baseline", "torch_step.py"), workload.ModelPath, data, result,
                "--batch", Text(workload.GlobalBatch), "--threads", Text(threads), "--warm-up", "5", "--steps", Text(steps),
                "--verify", expectedLoss.ToString("R", CultureInfo.InvariantCulture),
            ]);
        return Read(result);
    }

    /// <summary>Whether this Python has what the baseline needs.</summary>
    internal static bool HasTorch(string python)
    {
        try
        {
            using var process = Process.Start(new ProcessStartInfo(python, ["-c", "import torch, numpy, onnx"]) { RedirectStandardError = true })!;
            process.StandardError.ReadToEnd();
            process.WaitForExit();
            return process.ExitCode == 0;
        }
        catch (System.ComponentModel.Win32Exception)
        {
            // There is no such program, which is what was asked.
            return false;
        }
    }

    private static string Text(int number) => number.ToString(CultureInfo.InvariantCulture);

    private static StepResult Read(string path)
    {
        var result = JsonSerializer.Deserialize<StepResult>(File.ReadAllBytes(path), StepResult.Json)
            ?? throw new InvalidDataException($"{path} holds no result.");
        File.Delete(path);
        return result;
    }

    private static void Start(string program, IReadOnlyList<string> arguments)
    {
        using var process = Process.Start(new ProcessStartInfo(program, arguments))
            ?? throw new InvalidOperationException($"{program} did not start.");
        process.WaitForExit();
        if (process.ExitCode != 0)
        {
            throw new InvalidOperationException($"{program} {string.Join(' ', arguments)} ended with {process.ExitCode}.");
        }
    }
}
