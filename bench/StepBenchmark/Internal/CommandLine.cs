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
            models, steps, rounds, withoutBaseline, python, output, Passes(),
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

    private static Command Passes()
    {
        var vocabulary = new Option<int>("--vocabulary") { Description = "Classes of gpt_nano's head.", DefaultValueFactory = _ => 16384 };
        var ignored = new Option<double>("--ignored") { Description = "The share of its labels that do not count.", DefaultValueFactory = _ => 0.8 };
        var steps = new Option<int>("--steps") { Description = "Steps measured in each round, after warm-up.", DefaultValueFactory = _ => 10 };
        var rounds = new Option<int>("--rounds") { Description = "How often everything is measured.", DefaultValueFactory = _ => 3 };
        var command = new Command("passes", "Measures what graph.label_sparsity and model.frozen save in a training step.") { vocabulary, ignored, steps, rounds };
        command.SetAction(result => new PassSuite(
            result.GetValue(vocabulary), result.GetValue(ignored), result.GetValue(steps), result.GetValue(rounds)).Run());
        return command;
    }
}
