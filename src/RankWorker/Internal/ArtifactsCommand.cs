using System.CommandLine;
using System.Globalization;
using System.IO.Enumeration;
using OrtZero.Autograd;
using OrtZero.Onnx;
using OrtZero.Onnx.Protobuf;
using OrtZero.Runtime;
using OrtZero.Training;

namespace OrtZero.RankWorker.Internal;

/// <summary><c>rankworker artifacts MODEL --out DIR</c>: what ONNX Runtime's official training takes.</summary>
internal static class ArtifactsCommand
{
    private static readonly Dictionary<string, LossType> s_losses = new(StringComparer.Ordinal)
    {
        ["cross_entropy"] = LossType.CrossEntropy,
        ["mse"] = LossType.MeanSquaredError,
        ["l1"] = LossType.L1,
        ["bce"] = LossType.BinaryCrossEntropy,
        ["huber"] = LossType.Huber,
        ["kl_div"] = LossType.KullbackLeibler,
        ["output"] = LossType.ModelOutput,
    };

    internal static Command Create()
    {
        var model = new Argument<string>("MODEL") { Description = "The forward model, an .onnx file." };
        var target = new Option<string>("--out") { Description = "The folder to write into.", Required = true };
        var loss = new Option<string>("--loss") { Description = "cross_entropy, mse, l1, bce (of logits), huber, kl_div or output (the model's own loss).", DefaultValueFactory = _ => "cross_entropy" };
        loss.AcceptOnlyFromAmong([.. s_losses.Keys]);
        var output = new Option<string?>("--output") { Description = "The model output the loss reads. Default: the first." };
        var labels = new Option<string?>("--labels") { Description = "The name of the labels input. Default: labels for cross_entropy, else target." };
        var ignore = new Option<long>("--ignore-index") { Description = "Labels that do not count.", DefaultValueFactory = _ => -100 };
        var lossFrom = new Option<string?>("--loss-from") { Description = "Takes model.loss of this cfg.json, which may be a list of losses, in place of the options about the loss." };
        var additional = Patterns("--additional-outputs", "Values of the model that the graphs give beside the loss, in this order.");
        var requiresGrad = Patterns("--requires-grad", "Parameters to train, by part of the name or with * and ?. Default: all that can be trained.");
        var frozen = Patterns("--frozen", "Parameters to keep as they are, in the checkpoint, by part of the name or with * and ?.");
        var optimizer = new Option<string>("--optimizer") { Description = "adamw or sgd.", DefaultValueFactory = _ => "adamw" };
        optimizer.AcceptOnlyFromAmong("adamw", "sgd");
        var betas = new Option<float[]>("--betas") { Description = "AdamW's two decay rates.", AllowMultipleArgumentsPerToken = true, DefaultValueFactory = _ => [0.9f, 0.999f] };
        var epsilon = new Option<float>("--eps") { Description = "AdamW's epsilon.", DefaultValueFactory = _ => 1e-6f };
        var weightDecay = new Option<float>("--weight-decay") { Description = "AdamW's weight decay." };
        var torch = new Option<bool>("--torch-order") { Description = "Updates as torch.optim.AdamW does (adam_mode 0) instead of the official tool's adam_mode 1." };
        var maxNorm = new Option<float?>("--max-norm") { Description = "Clips gradients to this global norm." };
        var batch = new Option<int?>("--batch") { Description = "The length of first axes that the model leaves open." };
        var shapes = new Option<string[]>("--shape") { Description = "The shape of an input that the model leaves open: image=8x1x28x28. May be given several times." };
        var prefix = new Option<string>("--prefix") { Description = "What the names of the files begin with.", DefaultValueFactory = _ => "" };
        var nominal = new Option<bool>("--nominal") { Description = "Writes nominal_checkpoint, names and types only, too." };
        var verbose = new Option<bool>("--verbose") { Description = "Adds the stack to errors." };
        var command = new Command("artifacts", "Writes official ONNX Runtime training artifacts of a model.")
        {
            model, target, loss, output, labels, ignore, lossFrom, additional, requiresGrad, frozen, optimizer, betas, epsilon, weightDecay, torch, maxNorm, batch, shapes, prefix, nominal, verbose,
        };
        command.SetAction(result => Failures.Guard(result.GetValue(verbose), () =>
        {
            var (imported, trainable) = Import(result.GetRequiredValue(model));
            var kept = Matching(imported, result.GetValue(frozen) ?? [], "--frozen");
            var chosen = result.GetValue(requiresGrad) is { Length: > 0 } patterns ? Matching(imported, patterns, "--requires-grad") : trainable;
            var rates = result.GetRequiredValue(betas) is [var first, var second]
                ? (first, second)
                : throw new ConfigurationException(["--betas takes two numbers, such as --betas 0.9 0.999."]);
            var artifacts = OfficialArtifacts.Build(imported, Probe(imported, result.GetValue(batch), result.GetValue(shapes) ?? []), new ArtifactOptions
            {
                Loss = result.GetValue(lossFrom) is { } configuration ? TrainingConfiguration.LoadLoss(configuration) : new LossOptions
                {
                    Type = s_losses[result.GetRequiredValue(loss)],
                    Output = result.GetValue(output) ?? imported.Graph.Output[0].Name,
                    Labels = result.GetValue(labels),
                    IgnoreIndex = result.GetValue(ignore),
                },
                AdditionalOutputs = result.GetValue(additional) ?? [],
                RequiresGrad = [.. chosen.Except(kept)],
                Frozen = kept,
                Optimizer = new OfficialOptimizer
                {
                    Kind = result.GetValue(optimizer) == "sgd" ? OfficialOptimizerKind.Sgd : OfficialOptimizerKind.AdamW,
                    Beta1 = rates.first,
                    Beta2 = rates.second,
                    Epsilon = result.GetValue(epsilon),
                    WeightDecay = result.GetValue(weightDecay),
                    IsTorchOrder = result.GetValue(torch),
                    MaxNorm = result.GetValue(maxNorm),
                },
            });
            foreach (var path in artifacts.Save(result.GetRequiredValue(target), result.GetRequiredValue(prefix), result.GetValue(nominal)))
            {
                Console.Out.WriteLine($"wrote {path}");
            }

            Console.Out.WriteLine($"{artifacts.Checkpoint.Trainable.Count} parameters are trained, {artifacts.Checkpoint.Frozen.Count} are frozen.");
            return ExitCodes.Done;
        }));
        return command;
    }

    private static Option<string[]> Patterns(string name, string description) =>
        new(name) { Description = description, AllowMultipleArgumentsPerToken = true };

    private static (OnnxModel Model, string[] Trainable) Import(string path)
    {
        var model = OnnxModel.Load(path);
        var report = ModelImporter.Import(model);
        foreach (var sentence in report.Messages)
        {
            Console.Out.WriteLine(sentence);
        }

        return (model, [.. report.Parameters.Where(parameter => parameter.Trainable).Select(parameter => parameter.Name)]);
    }

    private static string[] Matching(OnnxModel model, string[] patterns, string option)
    {
        var names = model.Graph.Initializer.Where(tensor => tensor.ElementType() == TensorElementType.Float).Select(tensor => tensor.Name).ToList();
        foreach (var pattern in patterns)
        {
            if (!names.Exists(name => Matches(pattern, name)))
            {
                throw new ConfigurationException([$"{option} {pattern} matches no float32 parameter of {model.Path}: the first are {string.Join(", ", names.Take(5))}."]);
            }
        }

        return [.. names.Where(name => patterns.Any(pattern => Matches(pattern, name)))];
    }

    private static bool Matches(string pattern, string name) => pattern.AsSpan().ContainsAny('*', '?')
        ? FileSystemName.MatchesSimpleExpression(pattern, name, ignoreCase: false)
        : name.Contains(pattern, StringComparison.Ordinal);

    // One run with zeros for inputs: the artifacts are for the shapes it shows.
    private static ValueTable Probe(OnnxModel model, int? batch, string[] shapes)
    {
        var given = shapes.Select(Parse).ToDictionary(pair => pair.Name, pair => pair.Shape, StringComparer.Ordinal);
        var initializers = model.Graph.Initializer.Select(tensor => tensor.Name).ToHashSet(StringComparer.Ordinal);
        var inputs = model.Graph.Input.Where(input => !initializers.Contains(input.Name)).ToList();
        if (given.Keys.FirstOrDefault(name => inputs.TrueForAll(input => input.Name != name)) is { } unknown)
        {
            throw new ConfigurationException([$"--shape names the input {unknown}, which {model.Path} does not have: its inputs are {string.Join(", ", inputs.Select(input => input.Name))}."]);
        }

        var tensors = new Dictionary<string, OrtTensor>(StringComparer.Ordinal);
        try
        {
            foreach (var input in inputs)
            {
                tensors.Add(input.Name, OrtTensor.Zeros(input.ElementType(), given.GetValueOrDefault(input.Name) ?? ShapeOf(model.Path, input, batch)));
            }

            using var environment = new OrtEnvironment(OrtLibrary.Load());
            return ModelProbe.Describe(environment, model, tensors);
        }
        catch (OrtException exception)
        {
            throw new OnnxFormatException($"{model.Path} does not run on zeros of these shapes: {exception.Message}", exception);
        }
        finally
        {
            foreach (var tensor in tensors.Values)
            {
                tensor.Dispose();
            }
        }
    }

    private static long[] ShapeOf(string? path, ValueInfoProto input, int? batch)
    {
        var shape = input.Shape();
        if (shape is [-1, ..] && batch is { } length)
        {
            shape[0] = length;
        }

        if (shape is not null && shape.Where(length => length > 0).Aggregate((Int128)1, (product, length) => product * length) > 1 << 28)
        {
            throw new ConfigurationException([$"{path}: input {input.Name} of shape {Text(input)} is longer than any memory: export the model with other lengths or open axes."]);
        }

        return shape is not null && !shape.Contains(-1)
            ? shape
            : throw new ConfigurationException([$"The model leaves axes of input {input.Name} open ({Text(input)}), and artifacts are for one shape: give --batch 8 for its first axis or --shape {input.Name}={Example(input)}."]);
    }

    private static string Text(ValueInfoProto input) =>
        input.Shape() is { } shape ? $"[{string.Join(", ", shape.Select(length => length < 0 ? "?" : length.ToString(CultureInfo.InvariantCulture)))}]" : "no shape at all";

    private static string Example(ValueInfoProto input) =>
        string.Join('x', (input.Shape() ?? [8, 16]).Select(length => length < 0 ? 8 : length));

    private static (string Name, long[] Shape) Parse(string text)
    {
        var split = text.LastIndexOf('=');
        var lengths = text[(split + 1)..].Split('x').Select(part => long.TryParse(part, NumberStyles.None, CultureInfo.InvariantCulture, out var length) ? length : -1).ToArray();
        return split > 0 && !lengths.Contains(-1)
            ? (text[..split], lengths)
            : throw new ConfigurationException([$"--shape {text} is not a name and lengths: write for example --shape image=8x1x28x28."]);
    }
}
