using System.CommandLine;

namespace OrtZero.StepBenchmark.Internal;

/// <summary>The options of the benchmark.</summary>
internal static class CommandLine
{
    internal static int Run(string[] args)
    {
        var models = new Option<string[]>("--models")
        {
            Description = "The models to train.",
            DefaultValueFactory = _ => [.. Workload.All.Select(workload => workload.Name)],
            AllowMultipleArgumentsPerToken = true,
        };
        models.AcceptOnlyFromAmong([.. Workload.All.Select(workload => workload.Name)]);
        var steps = new Option<int>("--steps") { Description = "Steps measured in each round, after warm-up.", DefaultValueFactory = _ => 20 };
        var rounds = new Option<int>("--rounds")
        {
            Description = "How often everything is measured, each time in a new process; medians are over all rounds.",
            DefaultValueFactory = _ => 3,
        };
        var withoutBaseline = new Option<bool>("--no-baseline") { Description = "Leaves PyTorch out even where it is installed." };
        var python = new Option<string>("--python") { Description = "The Python that may have PyTorch.", DefaultValueFactory = _ => "python3" };
        var output = new Option<DirectoryInfo>("--output")
        {
            Description = "Where the dated report goes.",
            DefaultValueFactory = _ => new DirectoryInfo(Path.Combine(Repository.Root, "bench", "results")),
        };
        var root = new RootCommand("Measures a training step of gpt_nano and vlm on one and two ranks, and PyTorch's where it is installed.")
        {
            models, steps, rounds, withoutBaseline, python, output,
        };
        root.SetAction(result => Suite.Run(new SuiteOptions
        {
            Workloads = [.. Workload.All.Where(workload => result.GetRequiredValue(models).Contains(workload.Name))],
            Steps = result.GetValue(steps),
            Rounds = result.GetValue(rounds),
            Python = result.GetValue(withoutBaseline) ? null : result.GetRequiredValue(python),
            Output = result.GetRequiredValue(output).FullName,
            Command = string.Join(' ', ["scripts/benchmark", .. args]),
        }));
        return root.Parse(args).Invoke();
    }
}
