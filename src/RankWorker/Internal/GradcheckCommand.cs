using System.CommandLine;
using System.Globalization;
using System.Text.Encodings.Web;
using System.Text.Json;
using OrtZero.Autograd;
using OrtZero.Onnx;
using OrtZero.Onnx.Protobuf;
using OrtZero.Runtime;
using OrtZero.Training;
using Spectre.Console;

namespace OrtZero.RankWorker.Internal;

/// <summary><c>rankworker gradcheck MODEL</c>: gradients against finite differences, or which operators have gradients and what runs them.</summary>
internal static class GradcheckCommand
{
    private static readonly JsonSerializerOptions s_json = new()
    {
        WriteIndented = true,
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
        NumberHandling = System.Text.Json.Serialization.JsonNumberHandling.AllowNamedFloatingPointLiterals,
    };

    internal static Command Create()
    {
        var path = new Argument<string>("MODEL") { Description = "The forward model, an .onnx file." };
        var report = new Option<bool>("--op-report") { Description = "Lists the operators instead: which have gradients, and which execution provider runs each." };
        var providers = new Option<string[]>("--provider") { Description = "With --op-report: a further provider to ask, such as WebGPU.", AllowMultipleArgumentsPerToken = true };
        var samples = new Option<int>("--samples") { Description = "Single elements to compare per parameter, besides a random direction.", DefaultValueFactory = _ => 3 };
        var seconds = new Option<double>("--seconds") { Description = "Ends after about this time, with parameters spread over the model compared. 0: compares all.", DefaultValueFactory = _ => 90 };
        var dimensions = new Option<string[]>("--dim") { Description = "The length of an axis that the model leaves open: --dim sequence=16. Default: 2 for the first axis, 8 for others." };
        var ranges = new Option<string[]>("--range") { Description = "Lowest and highest value of an input: --range tokens=0:99. Default: normal numbers, or the rows of the table that an integer input indexes." };
        var seed = new Option<int>("--seed") { Description = "Of inputs, directions and samples." };
        var tolerance = new Option<double?>("--tolerance") { Description = "The difference that agrees, as a part of a gradient's size. Default: 1e-6 in float64, 1e-2 in float32." };
        var json = new Option<bool>("--json") { Description = "Prints one JSON object instead of a table." };
        var verbose = new Option<bool>("--verbose") { Description = "Adds the stack to errors." };
        var command = new Command("gradcheck", "Compares the gradients of a model with finite differences, parameter by parameter.")
        {
            path, report, providers, samples, seconds, dimensions, ranges, seed, tolerance, json, verbose,
        };
        command.SetAction(result => Failures.Guard(result.GetValue(verbose), () =>
        {
            var file = result.GetRequiredValue(path);
            var model = OnnxModel.Load(file);
            var trainable = ModelImporter.Import(model).Parameters.Where(parameter => parameter.Trainable).Select(parameter => parameter.Name).ToArray();
            var settings = new RandomInputOptions
            {
                Dimensions = Pairs(result.GetValue(dimensions), "--dim", Length, "--dim sequence=16"),
                Ranges = Pairs(result.GetValue(ranges), "--range", Range, "--range tokens=0:99"),
                Seed = result.GetValue(seed),
            };
            var inputs = MakeInputs(model, settings);
            using var environment = new OrtEnvironment(OrtLibrary.Load(), OrtLogLevel.Fatal);
            try
            {
                if (result.GetValue(report))
                {
                    string[] asked = ["CPU", .. result.GetValue(providers) ?? []];
                    Array.ForEach(asked, provider => RequireProvider(environment, provider));
                    return Write(OperatorReport.Create(environment, model, ByName(inputs), trainable, [.. asked.Distinct(StringComparer.OrdinalIgnoreCase)]), result.GetValue(json));
                }

                if (trainable.Length == 0)
                {
                    throw new OnnxFormatException($"{file} has no trainable parameters, so there is nothing to compare.");
                }

                var options = new GradientCheckOptions
                {
                    Samples = result.GetValue(samples), Seed = settings.Seed, Tolerance = result.GetValue(tolerance),
                    TimeLimit = result.GetValue(seconds) is > 0 and var limit ? TimeSpan.FromSeconds(limit) : null,
                };
                return Write(Compare(environment, model, settings, trainable, options), inputs, result.GetValue(json));
            }
            catch (OrtException exception)
            {
                throw new OnnxFormatException(
                    $"{file} does not run on random inputs ({string.Join(", ", inputs.Select(Describe))}): {exception.Message.TrimEnd('.')}; choose others with --dim and --range.", exception);
            }
        }));
        return command;
    }

    /// <summary>
    /// In float32 the steps are so long that units of a network switch on or off on the way, and no difference quotient is the slope then.
    /// A parameter that does not agree is compared at further points; a gradient that is wrong is wrong there too.
    /// </summary>
    private static GradientCheckReport Compare(
        OrtEnvironment environment, OnnxModel model, RandomInputOptions settings, IReadOnlyList<string> trainable, GradientCheckOptions options)
    {
        const int Points = 4;
        var report = GradientCheck.Run(environment, model, ByName(RandomInputs.Create(model, settings)), trainable, options);
        for (var point = 1; point < Points && !report.IsDouble && !report.Agrees; point++)
        {
            var open = report.Parameters.Where(parameter => !parameter.Agrees).Select(parameter => parameter.Name).ToArray();
            var inputs = RandomInputs.Create(model, settings with { Seed = unchecked(settings.Seed + (1000 * point)) });
            var other = GradientCheck.Run(
                environment, model, ByName(inputs), open.Length > 0 ? open : trainable, options with { TimeLimit = options.TimeLimit / Points });
            var found = other.Parameters.ToDictionary(parameter => parameter.Name, StringComparer.Ordinal);
            report = new GradientCheckReport
            {
                Parameters = [.. report.Parameters.Select(parameter => parameter.Agrees || found[parameter.Name].Probes == 0 ? parameter : found[parameter.Name])],
                IsDouble = false,
                SingleReason = report.SingleReason,
                Loss = other.Loss,
                TrainingLoss = other.TrainingLoss,
                LossAgrees = report.LossAgrees && other.LossAgrees,
                Tolerance = report.Tolerance,
            };
        }

        return report;
    }

    private static void RequireProvider(OrtEnvironment environment, string provider)
    {
        const string Ending = "ExecutionProvider";
        var known = environment.Library.Providers;
        var full = provider.EndsWith(Ending, StringComparison.OrdinalIgnoreCase) ? provider : provider + Ending;
        var name = known.FirstOrDefault(item => item.Equals(full, StringComparison.OrdinalIgnoreCase))
            ?? throw new ConfigurationException(
                [$"--provider {provider} is not in this ONNX Runtime, which has {string.Join(", ", known.Select(item => item.Replace(Ending, "", StringComparison.Ordinal)))}: choose one of them."]);
        var status = ProviderCheck.Try(environment, name);
        if (!status.Works)
        {
            throw new ConfigurationException([$"--provider {provider} cannot be used, because {status.Problem}: {status.Fix}, or leave it out."]);
        }
    }

    private static IReadOnlyList<RandomInput> MakeInputs(OnnxModel model, RandomInputOptions settings)
    {
        try
        {
            return RandomInputs.Create(model, settings);
        }
        catch (GradientException exception)
        {
            throw new OnnxFormatException($"{model.Path}: {exception.Message}", exception);
        }
    }

    private static Dictionary<string, TensorProto> ByName(IEnumerable<RandomInput> inputs) =>
        inputs.ToDictionary(input => input.Tensor.Name, input => input.Tensor, StringComparer.Ordinal);

    private static int Write(GradientCheckReport check, IReadOnlyList<RandomInput> inputs, bool json)
    {
        if (json)
        {
            Console.Out.WriteLine(JsonSerializer.Serialize(
                new
                {
                    check.Agrees,
                    Precision = check.IsDouble ? "float64" : "float32",
                    check.Tolerance,
                    check.Loss,
                    check.TrainingLoss,
                    Inputs = inputs.Select(input => new { input.Tensor.Name, Shape = input.Tensor.Shape(), Values = input.Origin }),
                    check.Parameters,
                },
                s_json));
            return check.Agrees ? ExitCodes.Done : ExitCodes.Failed;
        }

        foreach (var input in inputs)
        {
            Console.Out.WriteLine($"input {Describe(input)}: {input.Origin}");
        }

        Console.Out.WriteLine(check.IsDouble
            ? "finite differences in float64"
            : $"finite differences in float32, because ONNX Runtime cannot run the model in float64 ({check.SingleReason?.TrimEnd('.') ?? "it was not asked to"})");
        var table = Tables.Create("parameter", "shape", "gradient norm", "compared", "at kinks", "difference", "in float32", "result");
        foreach (var parameter in check.Parameters)
        {
            table.AddRow(
                Markup.Escape(parameter.Name),
                Markup.Escape($"[{string.Join(", ", parameter.Shape)}]"),
                Number(parameter.Norm),
                parameter.Probes.ToString(CultureInfo.InvariantCulture),
                parameter.Kinks.ToString(CultureInfo.InvariantCulture),
                Number(parameter.Deviation),
                parameter.SingleDeviation is { } deviation ? Number(deviation) : "",
                Markup.Escape(parameter.Agrees ? parameter.Probes == 0 ? "not compared" : parameter.IsReached ? "agrees" : "agrees: no gradient, and none due" : parameter.Finding!));
        }

        Tables.Write(table);
        if (!check.LossAgrees)
        {
            Console.Out.WriteLine(FormattableString.Invariant($"the training graph computes the loss {check.TrainingLoss:g9}, the model {check.Loss:g9}"));
        }

        var wrong = check.Parameters.Count(parameter => !parameter.Agrees);
        var compared = check.Parameters.Count(parameter => parameter.Probes > 0);
        Console.Out.WriteLine(wrong == 0
            ? compared == check.Parameters.Count
                ? $"the gradients of all {compared} parameters agree"
                : $"the gradients of {compared} of {check.Parameters.Count} parameters, spread over the model, agree; there was no time for the others (--seconds 0 takes it)"
            : $"the gradients of {wrong} of {check.Parameters.Count} parameters do not agree");
        return check.Agrees ? ExitCodes.Done : ExitCodes.Failed;
    }

    private static int Write(IReadOnlyList<OperatorUsage> operators, bool json)
    {
        var missing = operators.Where(item => item.IsMissing).ToList();
        if (json)
        {
            Console.Out.WriteLine(JsonSerializer.Serialize(new { Trainable = missing.Count == 0, Operators = operators }, s_json));
            return missing.Count == 0 ? ExitCodes.Done : ExitCodes.Failed;
        }

        string[] providers = operators.Count == 0 ? [] : [.. operators[0].Placements.Keys];
        var table = Tables.Create(["operator", "nodes", "trained through", "gradient", .. providers.Select(provider => $"runs with {provider}")]);
        foreach (var item in operators)
        {
            table.AddRow([
                Markup.Escape(Name(item)),
                item.Count.ToString(CultureInfo.InvariantCulture),
                item.Differentiated.ToString(CultureInfo.InvariantCulture),
                item.Gradient,
                .. providers.Select(provider => Placed(item, provider)),
            ]);
        }

        Tables.Write(table);
        Console.Out.WriteLine(missing.Count == 0
            ? "gradients can pass every operator between the parameters and the outputs"
            : $"no gradient rule: {string.Join(", ", missing.Select(Name))}; freeze the parameters before these nodes");
        return missing.Count == 0 ? ExitCodes.Done : ExitCodes.Failed;
    }

    private static string Placed(OperatorUsage item, string provider)
    {
        var ran = item.Placements[provider];
        var rest = item.Count - ran.Values.Sum();
        var parts = ran.Select(pair => ran.Count == 1 && rest == 0 ? pair.Key : $"{pair.Key} {pair.Value}");
        return string.Join(", ", rest > 0 && item.Operator != "Constant" ? parts.Append($"{rest} as a function's body or not at all") : parts);
    }

    private static string Name(OperatorUsage item) => item.Domain.Length == 0 ? item.Operator : $"{item.Domain}.{item.Operator}";

    private static string Number(double value) => value.ToString("0.0##e+0", CultureInfo.InvariantCulture);

    private static string Describe(RandomInput input) => $"{input.Tensor.Name} {input.Tensor.Describe()}";

    private static Dictionary<string, T> Pairs<T>(string[]? texts, string option, Func<string, T?> read, string example)
        where T : struct
    {
        var pairs = new Dictionary<string, T>(StringComparer.Ordinal);
        foreach (var text in texts ?? [])
        {
            var split = text.LastIndexOf('=');
            pairs[split > 0 ? text[..split] : ""] = split > 0 && read(text[(split + 1)..]) is { } value
                ? value
                : throw new ConfigurationException([$"{option} {text} cannot be read: write for example {example}."]);
        }

        return pairs;
    }

    private static long? Length(string text) => long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var length) && length > 0 ? length : null;

    private static (double Low, double High)? Range(string text) =>
        text.Split(':') is [var low, var high]
        && double.TryParse(low, CultureInfo.InvariantCulture, out var from) && double.TryParse(high, CultureInfo.InvariantCulture, out var to) && from <= to
            ? (from, to)
            : null;
}
