using OrtZero.Onnx;
using OrtZero.Sharding;
using OrtZero.Training.Internal;

namespace OrtZero.Training;

/// <summary>Turns a checkpoint back into a model.</summary>
public static class CheckpointExport
{
    /// <summary>The trained value of a parameter: its moving average where the checkpoint has one.</summary>
    public static float[] Weights(CheckpointReader checkpoint, string parameter)
    {
        ArgumentNullException.ThrowIfNull(checkpoint);
        return checkpoint.Manifest.AverageUpdates is null ? checkpoint.ReadParameter(parameter) : checkpoint.ReadAverage(parameter);
    }

    /// <summary>Writes the model that was trained with the checkpoint's parameters, under its own inputs, outputs and names.</summary>
    /// <param name="checkpoint">The checkpoint.</param>
    /// <param name="modelPath">The forward model. Null: where it was when the checkpoint was written.</param>
    /// <param name="target">The file to write.</param>
    /// <exception cref="CheckpointException">The model is not the one that was trained.</exception>
    /// <exception cref="OnnxFormatException">The model cannot be read.</exception>
    public static void WriteModel(CheckpointReader checkpoint, string? modelPath, string target)
    {
        ArgumentNullException.ThrowIfNull(checkpoint);
        var state = RunState.Parse(checkpoint.Path, checkpoint.Manifest.RunState);
        var path = modelPath ?? state.ModelPath;
        if (path is null || !File.Exists(path))
        {
            throw new CheckpointException($"The model that {checkpoint.Path} belongs to is not at {path ?? "a known place"}: say where it is with --model FILE.");
        }

        var model = OnnxModel.Load(path);
        var import = ModelImporter.Import(model);
        foreach (var parameter in checkpoint.Manifest.Parameters)
        {
            if (model.Graph.FindInitializer(parameter.Name) is not { } initializer || !initializer.Shape().SequenceEqual(parameter.Shape))
            {
                throw new CheckpointException(
                    $"{path} has no parameter {parameter.Name} of shape [{string.Join(", ", parameter.Shape)}], so it is not the model that {checkpoint.Path} was trained from: name that one with --model FILE.");
            }

            model.Graph.SetInitializer(TensorFactory.FromSingles(parameter.Name, parameter.Shape, Weights(checkpoint, parameter.Name)));
        }

        ModelExporter.SetStates(model, state.States ?? new Dictionary<string, float[]>());
        ModelImporter.RestoreNames(model, import);
        model.Save(target);
    }
}
