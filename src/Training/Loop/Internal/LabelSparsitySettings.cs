using OrtZero.Autograd;

namespace OrtZero.Training.Internal;

/// <summary>Whether rows with an ignored label are left out of the end of the model, as <c>graph.label_sparsity</c> says.</summary>
internal static class LabelSparsitySettings
{
    /// <summary>The share of ignored labels from which on leaving them out pays, whatever the model: the rows that count are copied once, and their gradients.</summary>
    internal const double WorthwhileShare = 0.2;

    private const int MicroBatchesLookedAt = 32;

    /// <summary>Whether the pass is wanted. It looks at data only, so all ranks come to the same answer.</summary>
    internal static bool IsWanted(TrainingMaterials materials) => materials.Configuration.Graph.LabelSparsity switch
    {
        LabelSparsityChoice.On => true,
        LabelSparsityChoice.Off => false,
        _ => LabelInputs.Terms(materials.Loss).Any(term => term.Type == LossType.CrossEntropy && IgnoredShare(materials, term) >= WorthwhileShare),
    };

    /// <summary>Official artifacts bring a graph with all rows.</summary>
    /// <exception cref="ConfigurationException">The pass was asked for.</exception>
    internal static void RequireNone(TrainingConfiguration configuration)
    {
        if (configuration.Graph.LabelSparsity == LabelSparsityChoice.On)
        {
            throw new ConfigurationException(
                [$"{configuration.Path}: graph.label_sparsity is for forward models, but the training model of model.artifacts has its backward pass for all rows: leave the key out, or train the forward model (model.path)."]);
        }
    }

    /// <summary>Says what was done.</summary>
    /// <exception cref="ConfigurationException">The pass was asked for, and no loss allows it.</exception>
    internal static void Describe(TrainingMaterials materials, TrainingGraph graph)
    {
        foreach (var report in graph.LabelSparsity)
        {
            materials.Notes.Add(
                $"From '{report.Nodes[0]}' to the loss on '{report.Output}', in {report.Nodes.Count} nodes, only rows whose label is not {report.IgnoreIndex} are computed, of {report.Rows} in a micro-batch.");
        }

        if (graph.LabelSparsity.Count == 0 && materials.Configuration.Graph.LabelSparsity == LabelSparsityChoice.On)
        {
            throw new ConfigurationException(
                [$"{materials.Configuration.Path}: graph.label_sparsity is \"on\", but no loss of {materials.Configuration.Model.Path} allows it: a cross_entropy must be the only reader of its output, with the classes along the last axis, behind a MatMul or Gemm with one matrix for all rows; set it to \"auto\"."]);
        }
    }

    /// <summary>Of labels spread evenly over the samples, how many are ignored.</summary>
    private static double IgnoredShare(TrainingMaterials materials, LossOptions term)
    {
        var (ignored, all) = (0L, 0L);
        foreach (var dataset in materials.Train)
        {
            using var inputs = materials.Buffers(dataset, [term.Labels!]);
            var size = materials.Configuration.MicroBatchSize;
            var batches = Math.Clamp(dataset.Count / size, 1, MicroBatchesLookedAt);
            var samples = new int[size];
            for (var batch = 0; batch < batches; batch++)
            {
                for (var i = 0; i < size; i++)
                {
                    var position = ((long)batch * size) + i;
                    samples[i] = (int)(position * dataset.Count / ((long)batches * size));
                }

                inputs.Fill(samples);
                var labels = inputs.Tensors[term.Labels!].Span<long>();
                all += labels.Length;
                ignored += labels.Count(term.IgnoreIndex);
            }
        }

        return (double)ignored / all;
    }
}
