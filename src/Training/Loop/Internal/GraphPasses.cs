using OrtZero.Autograd;

namespace OrtZero.Training.Internal;

/// <summary>The passes over the training graph that the <c>graph</c> section asks for.</summary>
internal static class GraphPasses
{
    private const double Mebibyte = 1 << 20;

    /// <summary>Applies them; each says in a sentence what it did.</summary>
    /// <param name="graph">The graph.</param>
    /// <param name="configuration">What is asked for.</param>
    /// <param name="gradients">The options the graph was built with.</param>
    /// <param name="notes">Takes the sentences.</param>
    /// <exception cref="ConfigurationException">A pass cannot do what it is asked to.</exception>
    internal static TrainingGraph Apply(TrainingGraph graph, TrainingConfiguration configuration, GradientOptions gradients, List<string> notes)
    {
        if (configuration.Graph.Recompute is not { } section)
        {
            return graph;
        }

        try
        {
            var (recomputing, report) = Recompute.Apply(
                graph, new RecomputeOptions { Layers = section.Layers, MemoryBudget = section.MemoryBudget?.Bytes }, gradients);
            notes.Add(Describe(report));
            if (!report.IsBudgetMet)
            {
                notes.Add(FormattableString.Invariant(
                    $"graph.recompute.memory_budget is {section.MemoryBudget!.Bytes / Mebibyte:0.#} MiB, which the activations exceed however much is computed again: make micro_batch_size smaller."));
            }

            return recomputing;
        }
        catch (GradientException exception)
        {
            throw new ConfigurationException([$"{configuration.Path}: graph.recompute: {exception.Message}"]);
        }
    }

    private static string Describe(RecomputeReport report) => FormattableString.Invariant(
        $"Recomputes {report.Values} activations ({report.ValueBytes / Mebibyte:0.#} MiB{(report.Layers > 0 ? $" in {report.Layers} layers" : "")}) in the backward pass; by the estimate activations take {report.PeakBytesAfter / Mebibyte:0.#} MiB instead of {report.PeakBytesBefore / Mebibyte:0.#} MiB.");
}
