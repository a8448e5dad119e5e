using System.CommandLine;
using System.Globalization;
using System.Text.Encodings.Web;
using System.Text.Json;
using OrtZero.Sharding;
using OrtZero.Training;
using Spectre.Console;

namespace OrtZero.RankWorker.Internal;

/// <summary><c>rankworker plan CFG --world-size N [--json] [--memory BYTES]</c>: what training takes at every stage, without training.</summary>
internal static class PlanCommand
{
    /// <summary>The largest number of ranks a plan is made for.</summary>
    private const int MostRanks = 65_536;

    private static readonly JsonSerializerOptions s_json = new()
    {
        WriteIndented = true,
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    };

    internal static Command Create()
    {
        var command = new Command("plan", "Prints memory per rank and bytes moved at stages 0 to 3, without training.");
        var options = new SharedOptions();
        var worldSize = new Option<int>("--world-size") { Description = "The number of ranks to train on.", Required = true };
        var memory = new Option<string?>("--memory") { Description = "What a rank has, in bytes or as 16GB or 16GiB: says which stages fit." };
        var json = new Option<bool>("--json") { Description = "Prints one JSON object instead of tables." };
        options.AddTo(command, withRun: false);
        command.Options.Add(worldSize);
        command.Options.Add(memory);
        command.Options.Add(json);
        command.SetAction(result => Run(
            options.Read(result), result.GetRequiredValue(worldSize), result.GetValue(memory), result.GetValue(json)));
        return command;
    }

    private static int Run(RunArguments arguments, int worldSize, string? memory, bool json) => Failures.Guard(arguments, () =>
    {
        if (worldSize is < 1 or > MostRanks)
        {
            throw new ConfigurationException([$"--world-size is {worldSize}, but must be at least 1 and at most {MostRanks}."]);
        }

        var available = memory is null ? null : (long?)ParseBytes(memory);
        var configuration = TrainingConfiguration.Load(arguments.ConfigurationPath, arguments.Overrides);
        var forecast = TrainingForecast.Of(configuration, worldSize);
        if (json)
        {
            Console.Out.WriteLine(JsonSerializer.Serialize(ToJson(forecast, available), s_json));
        }
        else
        {
            WriteTables(forecast, available);
        }

        return ExitCodes.Done;
    });

    private static object ToJson(TrainingForecast forecast, long? available) => new
    {
        forecast.WorldSize,
        MemoryBytes = available,
        Parameters = new
        {
            Tensors = forecast.Prepared.Groups.Parameters.Count,
            Elements = forecast.Prepared.Groups.Parameters.Sum(Elements),
            TrainableTensors = forecast.Prepared.Trainable.Count,
            TrainableElements = Trainable(forecast).Sum(Elements),
            FrozenBytes = FrozenBytes(forecast),
        },
        Groups = Trainable(forecast).GroupBy(parameter => parameter.Group).Select(group => new
        {
            Name = group.Key,
            Tensors = group.Count(),
            Elements = group.Sum(Elements),
            Lr = group.First().LearningRate,
            group.First().WeightDecay,
        }),
        Stages = forecast.Stages.Select(stage => new
        {
            stage.Stage,
            ParameterBytes = stage.ModelState.Parameters,
            GradientBytes = stage.ModelState.Gradients,
            OptimizerBytes = stage.ModelState.OptimizerState,
            AverageBytes = stage.ModelState.Average,
            StartBytes = stage.ModelState.Start,
            stage.BufferBytes,
            stage.ActivationBytes,
            stage.GatheredBytes,
            stage.CheckpointBytes,
            stage.TotalBytes,
            SentBytesPerUpdate = stage.SentBytes,
            Fits = available is null ? null : (bool?)(stage.TotalBytes <= available),
        }),
    };

    private static void WriteTables(TrainingForecast forecast, long? available)
    {
        var console = AnsiConsole.Create(new AnsiConsoleSettings { Out = new AnsiConsoleOutput(Console.Out) });
        if (Console.IsOutputRedirected)
        {
            console.Profile.Width = 200;
        }

        var trainable = Trainable(forecast).ToList();
        console.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"{forecast.Prepared.Groups.Parameters.Count} parameters of {forecast.Prepared.Groups.Parameters.Sum(Elements):N0} elements; {trainable.Count} of {trainable.Sum(Elements):N0} elements are trained."));
        var groups = Table("group", "parameters", "elements", "lr", "weight decay");
        foreach (var group in trainable.GroupBy(parameter => parameter.Group))
        {
            groups.AddRow(
                Markup.Escape(group.Key),
                Number(group.Count()),
                Number(group.Sum(Elements)),
                group.First().LearningRate.ToString("0.###e+0", CultureInfo.InvariantCulture),
                group.First().WeightDecay.ToString("0.#####", CultureInfo.InvariantCulture));
        }

        console.Write(groups);
        var others = FrozenBytes(forecast) is > 0 and var frozen ? $"itself and {Number(frozen)} bytes of frozen parameters come" : "itself comes";
        console.WriteLine($"Bytes on each of {forecast.WorldSize} ranks; activations are estimated, and the process {others} on top.");
        var average = forecast.Stages[0].ModelState.Average > 0;
        var start = forecast.Stages[0].ModelState.Start > 0;
        var copies = forecast.Stages[0].CheckpointBytes > 0;
        var table = Table(["stage", "parameters", "gradients", "optimizer", .. average ? ["average"] : (string[])[], .. start ? ["start"] : (string[])[], "buffers", "activations", .. copies ? ["checkpoint copy"] : (string[])[], "total", "sent per update", .. available is null ? (string[])[] : ["fits"]]);
        foreach (var stage in forecast.Stages)
        {
            string[] row =
            [
                Number(stage.Stage), Number(stage.ModelState.Parameters), Number(stage.ModelState.Gradients), Number(stage.ModelState.OptimizerState),
                .. average ? [Number(stage.ModelState.Average)] : (string[])[],
                .. start ? [Number(stage.ModelState.Start)] : (string[])[],
                Number(stage.BufferBytes), Number(stage.ActivationBytes),
                .. copies ? [Number(stage.CheckpointBytes)] : (string[])[],
                Number(stage.TotalBytes), Number(stage.SentBytes),
            ];
            table.AddRow(available is { } bytes ? [.. row, stage.TotalBytes <= bytes ? "yes" : "no"] : row);
        }

        console.Write(table);
    }

    private static Table Table(params string[] titles)
    {
        var table = new Table().Border(TableBorder.Simple);
        foreach (var (index, title) in titles.Index())
        {
            table.AddColumn(new TableColumn(title) { Alignment = index == 0 ? Justify.Left : Justify.Right, NoWrap = true });
        }

        return table;
    }

    private static IEnumerable<ParameterSettings> Trainable(TrainingForecast forecast) =>
        forecast.Prepared.Groups.Parameters.Where(parameter => !parameter.Frozen);

    private static long FrozenBytes(TrainingForecast forecast) =>
        forecast.Prepared.Groups.Parameters.Where(parameter => parameter.Frozen).Sum(Elements) * sizeof(float);

    private static long Elements(ParameterSettings parameter) => parameter.Shape.Aggregate(1L, (count, length) => count * length);

    private static string Number(long value) => value.ToString("N0", CultureInfo.InvariantCulture);

    private static long ParseBytes(string text) => MemorySize.TryParse(text)?.Bytes
        ?? throw new ConfigurationException([$"--memory is '{text}', but must be a number of bytes such as 16e9, 16GB or 16GiB."]);
}
