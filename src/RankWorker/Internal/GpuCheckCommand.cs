using System.CommandLine;
using System.Diagnostics;
using System.Globalization;
using Microsoft.Extensions.Logging;
using OrtZero.Mpi;
using OrtZero.Training;

namespace OrtZero.RankWorker.Internal;

/// <summary><c>rankworker gpu-check CFG… --provider webgpu</c>: the gradients of a first update there against those of the CPU.</summary>
internal static class GpuCheckCommand
{
    /// <summary>A gradient smaller than this part of all of them counts as that large: rounding is all there is of it.</summary>
    private const double Smallest = 1e-5;

    internal static Command Create()
    {
        var configurations = new Argument<string[]>("CFG") { Description = "Configurations, whose models and first data are used.", Arity = ArgumentArity.OneOrMore };
        var provider = new Option<string>("--provider") { Description = "webgpu or cuda.", DefaultValueFactory = _ => "webgpu" };
        provider.AcceptOnlyFromAmong("webgpu", "cuda");
        var tolerance = new Option<double>("--tolerance") { Description = "The largest distance of a gradient from the CPU's, as a part of its norm.", DefaultValueFactory = _ => 1e-3 };
        var verbose = new Option<bool>("--verbose") { Description = "Adds the stack to errors." };
        var command = new Command("gpu-check", "Compares the gradients of a first update on a GPU with those on the CPU.") { configurations, provider, tolerance, verbose };
        command.SetAction(result => Failures.Guard(result.GetValue(verbose), () =>
            Run(result.GetRequiredValue(configurations), result.GetRequiredValue(provider), result.GetValue(tolerance))));
        return command;
    }

    private static int Run(string[] configurations, string provider, double tolerance)
    {
        using var display = new GpuCheckLog();
        var names = configurations.Select(path => Path.GetFileName(Path.GetDirectoryName(Path.GetFullPath(path))!)).ToArray();
        var width = names.Max(name => name.Length);
        Line($"{"model".PadRight(width)}  gradients  largest error  of gradient");
        var misses = 0;
        foreach (var (path, name) in configurations.Zip(names))
        {
            var expected = Gradients(path, "cpu", display);
            var watch = Stopwatch.StartNew();
            var actual = Gradients(path, provider, display);
            var whole = Math.Sqrt(expected.Values.Sum(values => values.Sum(value => (double)value * value)));
            var (error, worst) = expected.Select(pair => (Error(pair.Value, actual[pair.Key], whole), pair.Key)).MaxBy(pair => pair.Item1);
            var isMiss = !(error <= tolerance);
            misses += isMiss ? 1 : 0;
            Line($"{name.PadRight(width)}  {expected.Count,9}  {error,13:0.0e+0}  {worst}  ({watch.Elapsed.TotalSeconds:0.0} s){(isMiss ? "  MISS" : "")}");
        }

        if (misses == 0)
        {
            Line($"All gradients on {provider} are within {tolerance} of their norm of the CPU's.");
        }
        else
        {
            Line($"{misses} of {names.Length} models have gradients on {provider} that are further than {tolerance} of their norm from the CPU's.");
        }

        return misses == 0 ? ExitCodes.Done : ExitCodes.Failed;
    }

    private static IReadOnlyDictionary<string, float[]> Gradients(string path, string provider, ILogger logger)
    {
        var configuration = TrainingConfiguration.Load(path, [$"execution.provider={provider}"]);
        using var communicator = new SingleProcessCommunicator();
        using var run = TrainingRun.Open(configuration, communicator, logger);
        return run.FirstGradients();
    }

    // A number that is none is further away than any other.
    private static double Error(float[] expected, float[] actual, double whole)
    {
        var (distance, norm) = (0.0, 0.0);
        for (var i = 0; i < expected.Length; i++)
        {
            var difference = (double)expected[i] - actual[i];
            distance += difference * difference;
            norm += (double)expected[i] * expected[i];
        }

        return double.IsNaN(distance) ? double.PositiveInfinity : distance == 0 ? 0 : Math.Sqrt(distance) / Math.Max(Math.Sqrt(norm), Smallest * whole);
    }

    private static void Line(FormattableString text) => Console.Out.WriteLine(text.ToString(CultureInfo.InvariantCulture));
}
