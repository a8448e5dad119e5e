using OrtZero.Autograd;
using OrtZero.Onnx;
using OrtZero.Sharding;

namespace OrtZero.Training.Internal;

/// <summary>Writes the trained model: the file that came in, with the same inputs, outputs and names, and trained values.</summary>
internal static class ModelExporter
{
    internal static void Save(PreparedModel prepared, ZeroEngine engine, IReadOnlyDictionary<string, float[]> states, string path)
    {
        var model = prepared.Model.Clone();
        foreach (var name in prepared.Trainable)
        {
            var initializer = model.Graph.FindInitializer(name)!;
            model.Graph.SetInitializer(TensorFactory.FromSingles(name, initializer.Shape(), engine.Parameter(name)));
        }

        SetStates(model, states);
        ModelImporter.RestoreNames(model, prepared.Import);
        model.Save(path);
    }

    /// <summary>Puts running statistics where the model keeps them, and takes it out of training mode.</summary>
    internal static void SetStates(OnnxModel model, IReadOnlyDictionary<string, float[]> states)
    {
        foreach (var (name, values) in states.Where(state => model.Graph.FindInitializer(state.Key) is not null))
        {
            model.Graph.SetInitializer(TensorFactory.FromSingles(name, model.Graph.FindInitializer(name)!.Shape(), values));
        }

        // A model that normalizes by its batch would give every sample another result in other company.
        InferenceMode.Apply(model);
    }
}
