using System.CommandLine;
using OrtZero.Training;

namespace OrtZero.RankWorker.Internal;

/// <summary>The commands of <c>rankworker</c> and their options; what they do stands in a class each.</summary>
internal static class CommandLine
{
    internal static int Run(string[] args)
    {
        var root = Build();
        var parsed = root.Parse(args);
        if (parsed.Errors.Count > 0)
        {
            Console.Error.WriteLine($"error: {Mistake(root, parsed, args)} See rankworker --help.");
            return ExitCodes.BadInput;
        }

        return parsed.Invoke(new InvocationConfiguration { EnableDefaultExceptionHandler = false });
    }

    internal static RootCommand Build()
    {
        var options = new SharedOptions();
        var root = new RootCommand("Trains an ONNX model as cfg.json says: mpiexec -n 8 rankworker cfg.json");
        options.AddTo(root, withRun: true);
        root.SetAction(result => TrainCommand.Run(options.Read(result)));

        var groups = new Command("groups", "Prints the shape, kind, group, rate and weight decay of every parameter, and why.");
        var groupOptions = new SharedOptions();
        var json = new Option<bool>("--json") { Description = "Prints one JSON object instead of a table." };
        groupOptions.AddTo(groups, withRun: false);
        groups.Options.Add(json);
        groups.SetAction(result => GroupsCommand.Run(groupOptions.Read(result), result.GetValue(json)));
        root.Subcommands.Add(groups);

        var schedule = new Command("schedule", "Shows the rate of every group at every iteration, before training.");
        var scheduleOptions = new SharedOptions();
        var scheduleJson = new Option<bool>("--json") { Description = "Prints one JSON object instead of curves." };
        var picture = new Option<FileInfo?>("--png") { Description = "Writes a picture with a chart per group to this file." };
        var worldSize = new Option<int>("--world-size") { Description = "The number of ranks to train on.", DefaultValueFactory = _ => 1 };
        scheduleOptions.AddTo(schedule, withRun: false);
        schedule.Options.Add(scheduleJson);
        schedule.Options.Add(picture);
        schedule.Options.Add(worldSize);
        schedule.SetAction(result => ScheduleCommand.Run(
            scheduleOptions.Read(result), result.GetValue(scheduleJson), result.GetValue(picture)?.FullName, result.GetValue(worldSize)));
        root.Subcommands.Add(schedule);

        var import = new Command("import-config", "Turns a DeepSpeed, MMEngine or XTuner configuration, written as JSON, into a cfg.json.");
        var foreign = new Argument<string>("FILE") { Description = "The configuration of the other trainer." };
        var configuration = new Option<FileInfo?>("--out") { Description = "The file to write instead of standard output." };
        var verbose = new Option<bool>("--verbose") { Description = "Adds the stack to errors." };
        import.Arguments.Add(foreign);
        import.Options.Add(configuration);
        import.Options.Add(verbose);
        import.SetAction(result => ImportCommand.Run(
            result.GetRequiredValue(foreign), result.GetValue(configuration)?.FullName, result.GetValue(verbose)));
        root.Subcommands.Add(import);

        var gradients = new Command("gradients", "Writes the gradients of the first update, before clipping, by parameter name.");
        var gradientOptions = new SharedOptions();
        var output = new Option<FileInfo>("--out") { Description = "The safetensors file to write.", Required = true };
        gradientOptions.AddTo(gradients, withRun: false);
        gradients.Options.Add(output);
        gradients.SetAction(result => GradientsCommand.Run(gradientOptions.Read(result), result.GetRequiredValue(output).FullName));
        root.Subcommands.Add(gradients);

        root.Subcommands.Add(PlanCommand.Create());
        root.Subcommands.Add(GradcheckCommand.Create());
        root.Subcommands.Add(GpuCheckCommand.Create());
        root.Subcommands.Add(ArtifactsCommand.Create());
        root.Subcommands.Add(CheckpointCommands.Inspect());
        root.Subcommands.Add(CheckpointCommands.Export());
        root.Subcommands.Add(DoctorCommand.Create());
        root.Subcommands.Add(TraceCommand.Create());
        root.Subcommands.Add(CurvesCommand.Create());
        return root;
    }

    // A command that does not exist is read as the configuration, and the parser complains of what follows it.
    private static string Mistake(RootCommand root, ParseResult parsed, string[] args) =>
        args is [var first, var second, ..] && !first.StartsWith('-') && !second.StartsWith('-') && !File.Exists(first)
        && root.Subcommands.All(command => command.Name != first)
            ? $"'{first}' is neither a configuration file that exists nor one of the commands {string.Join(", ", root.Subcommands.Select(command => command.Name))}."
            : string.Join(' ', parsed.Errors[0].Message.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries));
}
