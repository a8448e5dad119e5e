using OrtZero.Onnx;
using OrtZero.Sharding;

namespace OrtZero.Training.Internal;

/// <summary>Writes the trained model: the file that came in, with the same inputs, outputs and names, and trained values.</summary>
internal static class ModelExporter
{
    internal static void Save(PreparedModel prepared, ZeroEngine engine, string path)
    {
        var model = prepared.Model.Clone();
        foreach (var name in prepared.Trainable)
        {
            var initializer = model.Graph.FindInitializer(name)!;
            model.Graph.SetInitializer(TensorFactory.FromSingles(name, initializer.Shape(), engine.Parameter(name)));
        }

        ModelImporter.RestoreNames(model, prepared.Import);
        model.Save(path);
    }
}
