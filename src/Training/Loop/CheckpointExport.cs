using OrtZero.Onnx;
using OrtZero.Sharding;
using OrtZero.Training.Internal;

namespace OrtZero.Training;

/// <summary>Turns a checkpoint back into a model.</summary>
public static class CheckpointExport
{
    /// <summary>The trained value of a parameter: its moving average where the checkpoint has one.</summary>
    /// <param name="checkpoint">The checkpoint.</param>
    /// <param name="parameter">The parameter's name.</param>
    /// <param name="average">Whether the moving average counts. False: the weights that training goes on with.</param>
    public static float[] Weights(CheckpointReader checkpoint, string parameter, bool average = true)
    {
        ArgumentNullException.ThrowIfNull(checkpoint);
        return checkpoint.Manifest.AverageUpdates is null || !average ? checkpoint.ReadParameter(parameter) : checkpoint.ReadAverage(parameter);
    }

    /// <summary>
    /// Writes the model that was trained with the checkpoint's parameters, under its own inputs, outputs and names. Low-rank adapters are
    /// merged into its weights.
    /// </summary>
    /// <param name="checkpoint">The checkpoint.</param>
    /// <param name="modelPath">The forward model. Null: where it was when the checkpoint was written.</param>
    /// <param name="target">The file to write.</param>
    /// <param name="average">Whether the moving average of the parameters is written where there is one.</param>
    /// <exception cref="CheckpointException">The model is not the one that was trained.</exception>
    /// <exception cref="OnnxFormatException">The model cannot be read.</exception>
    public static void WriteModel(CheckpointReader checkpoint, string? modelPath, string target, bool average = true)
    {
        ArgumentNullException.ThrowIfNull(checkpoint);
        var state = RunState.Parse(checkpoint.Path, checkpoint.Manifest.RunState);
        var (model, import) = Trained(checkpoint, state, modelPath, average);
        ModelExporter.SetStates(model, state.States ?? new Dictionary<string, float[]>());
        ModelImporter.RestoreNames(model, import);
        model.Save(target);
    }

    /// <summary>
    /// Writes the parameters that were trained to one safetensors file. Where low-rank adapters were, it holds all parameters of the model, with
    /// the adapters merged into their weights.
    /// </summary>
    /// <param name="checkpoint">The checkpoint.</param>
    /// <param name="modelPath">The forward model, read where there are adapters. Null: where it was when the checkpoint was written.</param>
    /// <param name="target">The file to write.</param>
    /// <param name="average">Whether the moving average of the parameters is written where there is one.</param>
    /// <exception cref="CheckpointException">The model is not the one that was trained.</exception>
    public static void WriteSafetensors(CheckpointReader checkpoint, string? modelPath, string target, bool average = true)
    {
        ArgumentNullException.ThrowIfNull(checkpoint);
        var state = RunState.Parse(checkpoint.Path, checkpoint.Manifest.RunState);
        if (state.Adapters is null)
        {
            checkpoint.WriteSafetensors(target, average);
            return;
        }

        var (model, import) = Trained(checkpoint, state, modelPath, average);
        SafetensorsFile.Write(
            target,
            import.Parameters.Where(parameter => parameter.Trainable).Select(parameter => model.Graph.FindInitializer(parameter.Name)!)
                .Select(tensor => new SafetensorsTensor(tensor.Name, tensor.ElementType(), tensor.Shape(), tensor.RawBytes())),
            new Dictionary<string, string> { ["format"] = "pt" });
    }

    /// <summary>
    /// Writes low-rank adapters as PEFT's <c>save_pretrained</c> does: <c>adapter_model.safetensors</c> with A, B and what was trained whole, and
    /// <c>adapter_config.json</c>.
    /// </summary>
    /// <param name="checkpoint">The checkpoint.</param>
    /// <param name="folder">The folder to write them to; made if it is not there.</param>
    /// <param name="average">Whether the moving average of the parameters is written where there is one.</param>
    /// <exception cref="CheckpointException">The checkpoint has no adapters.</exception>
    public static void WriteAdapter(CheckpointReader checkpoint, string folder, bool average = true)
    {
        ArgumentNullException.ThrowIfNull(checkpoint);
        ArgumentException.ThrowIfNullOrEmpty(folder);
        var state = RunState.Parse(checkpoint.Path, checkpoint.Manifest.RunState);
        var adapters = state.Adapters
            ?? throw new CheckpointException($"{checkpoint.Path} holds no adapters, because its run had no model.lora: export it with --onnx or --safetensors.");
        AdapterFolder.Write(folder, adapters, state.ModelPath, name => Parameter(checkpoint, name, average), [.. checkpoint.Manifest.Parameters]);
    }

    private static (OnnxModel Model, ImportReport Import) Trained(CheckpointReader checkpoint, RunState state, string? modelPath, bool average)
    {
        var path = modelPath ?? state.ModelPath;
        if (path is null || !File.Exists(path))
        {
            throw new CheckpointException($"The model that {checkpoint.Path} belongs to is not at {path ?? "a known place"}: say where it is with --model FILE.");
        }

        state.Adapters?.RequireBase(checkpoint.Path, path, PreparedModel.Hash(path));
        var model = OnnxModel.Load(path);
        var import = ModelImporter.Import(model);
        var own = (state.Adapters?.Adapters ?? []).SelectMany(adapter => (string[])[adapter.A, adapter.B]).ToHashSet(StringComparer.Ordinal);
        foreach (var parameter in checkpoint.Manifest.Parameters.Where(parameter => !own.Contains(parameter.Name)))
        {
            if (model.Graph.FindInitializer(parameter.Name) is not { } initializer || !initializer.Shape().SequenceEqual(parameter.Shape))
            {
                throw new CheckpointException(
                    $"{path} has no parameter {parameter.Name} of shape [{string.Join(", ", parameter.Shape)}], so it is not the model that {checkpoint.Path} was trained from: name that one with --model FILE.");
            }

            model.Graph.SetInitializer(TensorFactory.FromSingles(parameter.Name, parameter.Shape, Weights(checkpoint, parameter.Name, average)));
        }

        if (state.Adapters is { } adapters)
        {
            LowRankAdaptation.Merge(model, adapters, name => Parameter(checkpoint, name, average));
        }

        return (model, import);
    }

    private static float[]? Parameter(CheckpointReader checkpoint, string name, bool average) =>
        checkpoint.TryGetParameter(name, out _) ? Weights(checkpoint, name, average) : null;
}
