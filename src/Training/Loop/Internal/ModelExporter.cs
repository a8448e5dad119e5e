using OrtZero.Autograd;
using OrtZero.Onnx;
using OrtZero.Sharding;

namespace OrtZero.Training.Internal;

/// <summary>Writes the trained model: the file that came in, with the same inputs, outputs and names, and trained values.</summary>
internal static class ModelExporter
{
    /// <summary>Makes the parameters what is trained, the average where there is one, and writes the model and what else the run ends
    /// with. Collective.</summary>
    /// <param name="trainer">What was trained; its parameters stay whole on rank 0 where a sample is wanted.</param>
    /// <param name="prepared">The model.</param>
    /// <param name="path">The file to write, or null for none.</param>
    /// <param name="andThen">What rank 0 writes after it.</param>
    internal static void Finish(Trainer trainer, PreparedModel prepared, string? path, Action andThen)
    {
        var engine = trainer.Engine;
        trainer.States.Average(engine.Communicator);
        if (engine.HasAverage)
        {
            engine.SwapAverage();
        }

        // Rank 0 alone writes; the others learn whether it could, so that no rank ends well where the model is missing.
        RankAgreement.Run(engine.Communicator, () => engine.Lend(value =>
        {
            if (path is not null)
            {
                Save(prepared, value, trainer.States.Values(), path);
            }

            andThen();
        }));
        if (trainer.Captions is not null)
        {
            // For the sample; the end of the run frees them.
            engine.GatherWholeParameters(keep: engine.Communicator.Rank == 0);
        }
    }

    private static void Save(PreparedModel prepared, ParameterValue value, IReadOnlyDictionary<string, float[]> states, string path)
    {
        var model = prepared.Base.Clone();
        foreach (var name in prepared.Trainable)
        {
            if (model.Graph.FindInitializer(name) is { } initializer)
            {
                model.Graph.SetInitializer(LentBytes.Tensor(name, initializer.Shape(), value));
            }
        }

        if (prepared.Adaptation is { } adaptation)
        {
            var trained = prepared.Trainable.ToHashSet(StringComparer.Ordinal);
            LowRankAdaptation.Merge(model, adaptation.State, name => trained.Contains(name) ? value(name).ToArray() : null);
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
