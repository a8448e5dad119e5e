using System.Security.Cryptography;
using OrtZero.Autograd;
using OrtZero.Onnx;
using OrtZero.Onnx.Protobuf;
using OrtZero.Sharding;
using OrtZero.Training.Internal;

namespace OrtZero.Training;

/// <summary>
/// The model of a configuration, read and cleaned up, with the settings of every parameter resolved: all that can be said
/// before any data is seen.
/// </summary>
public sealed class PreparedModel
{
    private PreparedModel(
        OnnxModel model, ImportReport import, ParameterGroupTable groups, string fileHash, OfficialArtifacts? artifacts, LowRankAdaptation? adaptation)
    {
        Artifacts = artifacts;
        Adaptation = adaptation;
        Base = model;
        Model = adaptation?.Model ?? model;
        Import = import;
        Groups = groups;
        FileHash = fileHash;
        Trainable = [.. groups.Parameters.Where(parameter => !parameter.Frozen).Select(parameter => parameter.Name)];
    }

    /// <summary>The model with its parameters under their recovered names, and with the adapters of <c>model.lora</c>.</summary>
    public OnnxModel Model { get; }

    /// <summary>The model without adapters; <see cref="Model"/> where there are none.</summary>
    public OnnxModel Base { get; }

    /// <summary>The official training artifacts the model is from, or null.</summary>
    public OfficialArtifacts? Artifacts { get; }

    /// <summary>What was renamed and untied.</summary>
    public ImportReport Import { get; }

    /// <summary>The settings of every parameter.</summary>
    public ParameterGroupTable Groups { get; }

    /// <summary>SHA-256 of the model file, of artifacts over all of them, hexadecimal.</summary>
    public string FileHash { get; }

    /// <summary>The names of the parameters that are trained, in model order.</summary>
    public IReadOnlyList<string> Trainable { get; }

    /// <summary>The bytes of all parameters, those that are not trained included.</summary>
    public long ParameterBytes => Groups.Parameters.Sum(parameter => parameter.Shape.Aggregate((long)sizeof(float), (bytes, length) => bytes * length));

    /// <summary>The adapters of <c>model.lora</c>. Null: there are none.</summary>
    internal LowRankAdaptation? Adaptation { get; }

    /// <summary>Reads and cleans up the model, puts adapters into it, and resolves its parameter groups.</summary>
    /// <exception cref="OnnxFormatException">The file is not a model that can be trained.</exception>
    /// <exception cref="ParameterGroupException">The settings cannot be applied to its parameters.</exception>
    /// <exception cref="ConfigurationException">The loss names an output the model does not have.</exception>
    public static PreparedModel Load(TrainingConfiguration configuration)
    {
        ArgumentNullException.ThrowIfNull(configuration);
        var path = configuration.Model.Path;
        var artifacts = configuration.Model.Artifacts is { } folder ? OfficialArtifacts.Load(folder) : null;
        var model = artifacts?.ToForwardModel() ?? OnnxModel.Open(path);

        // The names of artifacts are those of their training model and checkpoint, so nothing may be renamed.
        var import = artifacts is null
            ? ModelImporter.Import(model)
            : ImportReport.Unchanged(model, [.. artifacts.Checkpoint.Trainable.Select(tensor => tensor.Name)]);
        RequireOutput(model.Graph, configuration);
        var names = import.Parameters.Where(parameter => parameter.Trainable).Select(parameter => parameter.Name).ToList();
        if (names.Count == 0)
        {
            throw new OnnxFormatException($"{path} has no float32 parameters among its initializers, so there is nothing to train.");
        }

        var hash = artifacts is null ? Hash(path) : Hash(artifacts);
        var adaptation = LowRankAdaptation.Of(configuration, model, import, hash);
        var parameters = ParameterDescription.Describe(model, names);
        var groups = ParameterGroupTable.Resolve(
            adaptation?.Describe(parameters) ?? parameters,
            SettingsMapping.Optimizer(configuration.OptimWrapper.Optimizer),
            SettingsMapping.Paramwise(configuration.OptimWrapper.ParamwiseCfg),
            configuration.Model.Frozen);
        // The values of what is trained are read once more, when each rank takes its part of them; the others stay in use.
        var trainable = groups.Parameters.Where(parameter => !parameter.Frozen).Select(parameter => parameter.Name).ToHashSet(StringComparer.Ordinal);
        model.Hold(tensor => !trainable.Contains(tensor.Name));
        return new PreparedModel(model, adaptation?.Report(import, groups) ?? import, groups, hash, artifacts, adaptation);
    }

    internal static string Hash(string path)
    {
        using var file = File.OpenRead(path);
        return Convert.ToHexStringLower(SHA256.HashData(file));
    }

    private static string Hash(OfficialArtifacts artifacts)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        hash.AppendData(artifacts.Training.ToBytes());
        hash.AppendData(artifacts.Evaluation.ToBytes());
        hash.AppendData(artifacts.Optimizer?.ToBytes() ?? []);
        foreach (var tensor in artifacts.Checkpoint.Trainable.Concat(artifacts.Checkpoint.Frozen))
        {
            hash.AppendData(tensor.RawData.Span);
        }

        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }

    private static void RequireOutput(GraphProto graph, TrainingConfiguration configuration)
    {
        // A configuration read only for its model may have no loss.
        var losses = configuration.Model.Loss ?? [];
        var index = losses.ToList().FindIndex(loss => graph.Output.All(output => output.Name != loss.Output));
        if (index >= 0)
        {
            var outputs = string.Join(", ", graph.Output.Select(output => $"'{output.Name}'"));
            var place = losses.Count > 1 ? $"model.loss.{index}" : "model.loss";
            throw new ConfigurationException(
                [$"{configuration.Path}: {place}.output is '{losses[index].Output}', but {configuration.Model.Path} has the outputs {outputs}: name one of them."]);
        }
    }
}
