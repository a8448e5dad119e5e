using System.Globalization;
using System.Text.Encodings.Web;
using System.Text.Json;
using OrtZero.Onnx;
using OrtZero.Runtime;
using OrtZero.Sharding;
using OrtZero.Training;
using Spectre.Console;

namespace OrtZero.RankWorker.Internal;

/// <summary><c>rankworker groups CFG [--json]</c>: every parameter with its settings and the reason for them.</summary>
internal static class GroupsCommand
{
    private static readonly JsonSerializerOptions s_json = new()
    {
        WriteIndented = true,
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    };

    internal static int Run(RunArguments arguments, bool json) => Failures.Guard(arguments, () =>
    {
        var configuration = TrainingConfiguration.LoadForModel(arguments.ConfigurationPath, arguments.Overrides);
        var prepared = PreparedModel.Load(configuration);
        Check(prepared);
        var imported = prepared.Import.Parameters.ToDictionary(parameter => parameter.Name, StringComparer.Ordinal);
        if (json)
        {
            Console.Out.WriteLine(JsonSerializer.Serialize(
                new
                {
                    parameters = prepared.Groups.Parameters.Select(parameter => ToJson(parameter, imported[parameter.Name])),
                    phases = configuration.Phases.Select((phase, index) => new
                    {
                        phase.UntilEpoch, phase.UntilIter, phase.LrMult, trained = phase.TrainedParameters(prepared.Groups, $"phases.{index}"),
                    }),
                    warnings = prepared.Groups.Warnings,
                    renamed = prepared.Import.Messages,
                },
                s_json));
        }
        else
        {
            WriteTable(prepared);
            WritePhases(configuration.Phases, prepared.Groups);
        }

        return ExitCodes.Done;
    });

    /// <summary>A table of parameters that looks right must not hide that their model cannot run.</summary>
    private static void Check(PreparedModel prepared)
    {
        if (prepared.Artifacts is not null)
        {
            return;
        }

        using var environment = new OrtEnvironment(OrtLibrary.Load(), OrtLogLevel.Fatal);
        using var options = new OrtSessionOptions(environment) { GraphOptimizationLevel = GraphOptimizationLevel.None };
        ModelCheck.Open(environment, prepared.Model, options);
    }

    private static object ToJson(ParameterSettings parameter, ImportedParameter imported) => new
    {
        parameter.Name,
        parameter.Shape,
        Kind = JsonNamingPolicy.SnakeCaseLower.ConvertName(parameter.Kind.ToString()),
        parameter.Group,
        Lr = parameter.LearningRate,
        parameter.WeightDecay,
        Betas = new[] { parameter.Beta1, parameter.Beta2 },
        Eps = parameter.Epsilon,
        parameter.Momentum,
        parameter.UseMuon,
        parameter.Frozen,
        parameter.Reason,
        imported.Transposed,
        imported.OriginalName,
    };

    private static void WritePhases(IReadOnlyList<PhaseSection> phases, ParameterGroupTable groups)
    {
        for (var index = 0; index < phases.Count; index++)
        {
            var phase = phases[index];
            var trained = phase.TrainedParameters(groups, $"phases.{index}");
            var end = phase switch
            {
                { UntilEpoch: { } epoch } => $"until epoch {epoch.ToString(CultureInfo.InvariantCulture)}",
                { UntilIter: { } iteration } => $"until iteration {iteration}",
                _ => "until the end",
            };
            var rates = phase.LrMult == 1 ? "" : $", rates x {phase.LrMult.ToString(CultureInfo.InvariantCulture)}";
            Console.Out.WriteLine($"phase {index + 1}, {end}{rates}: trains {trained.Count} parameters ({string.Join(", ", trained.Take(4))}{(trained.Count > 4 ? ", …" : "")})");
        }
    }

    private static void WriteTable(PreparedModel prepared)
    {
        var console = AnsiConsole.Create(new AnsiConsoleSettings { Out = new AnsiConsoleOutput(Console.Out) });
        if (Console.IsOutputRedirected)
        {
            console.Profile.Width = 240;
        }

        var table = new Table().Border(TableBorder.Simple);
        foreach (var title in (string[])["parameter", "shape", "kind", "group", "lr", "weight decay", "why"])
        {
            table.AddColumn(new TableColumn(title) { NoWrap = title is "parameter" or "shape" });
        }

        foreach (var parameter in prepared.Groups.Parameters)
        {
            table.AddRow(
                Markup.Escape(parameter.Name),
                Markup.Escape($"[{string.Join(", ", parameter.Shape)}]"),
                parameter.Kind.ToString(),
                Markup.Escape(parameter.Group),
                parameter.Frozen ? "frozen" : parameter.LearningRate.ToString("0.###e+0", CultureInfo.InvariantCulture),
                parameter.Frozen ? "" : parameter.WeightDecay.ToString("0.#####", CultureInfo.InvariantCulture),
                Markup.Escape(parameter.Reason));
        }

        console.Write(table);
        foreach (var sentence in prepared.Groups.Warnings.Concat(prepared.Import.Messages))
        {
            console.WriteLine(sentence);
        }
    }
}
