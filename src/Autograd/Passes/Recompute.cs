using OrtZero.Autograd.Internal;

namespace OrtZero.Autograd;

/// <summary>Trades time for memory: values of the forward pass are computed again when the backward pass needs them.</summary>
/// <remarks>
/// What is computed again waits for the gradient that is computed just before it is needed; ONNX Runtime orders nodes by nothing but
/// what they read, and would else compute it with the forward pass. <see cref="TrainingGraph.DisabledOptimizers"/> keep it from merging
/// the copies with the originals.
/// </remarks>
public static class Recompute
{
    /// <summary>The graph with some of its activations recomputed. The graph given is not changed.</summary>
    /// <param name="graph">A graph of <see cref="TrainingGraphBuilder"/>.</param>
    /// <param name="options">What to recompute.</param>
    /// <param name="gradients">The options the graph was built with; <c>null</c>: the defaults.</param>
    /// <exception cref="GradientException">A pattern fits nothing, or the graph is not from the builder.</exception>
    public static (TrainingGraph Graph, RecomputeReport Report) Apply(TrainingGraph graph, RecomputeOptions options, GradientOptions? gradients = null)
    {
        ArgumentNullException.ThrowIfNull(graph);
        ArgumentNullException.ThrowIfNull(options);
        if (graph.ForwardNodes == 0 || graph.Values is null)
        {
            throw new GradientException(
                "This training graph does not tell its forward from its backward pass, as imported artifacts do not: train from the forward model to recompute activations.");
        }

        var activations = new ActivationGraph(graph);
        var before = Liveness.Of(activations.Nodes, activations.SizeOf).PeakBytes;
        var fused = gradients?.FusedKernels ?? true;
        var layers = options.Layers.Count > 0 ? LayerSegments.Find(activations, options.Layers) : null;
        var choice = layers is not null
            ? RecomputeChoice.OfLayers(activations, layers)
            : RecomputeBudget.Choose(activations, options.MemoryBudget ?? long.MaxValue);
        var written = new RecomputeWriter(activations, choice, fused).Write();
        var model = graph.Model.Clone();
        model.Graph.Node.Clear();
        model.Graph.Node.AddRange(written.Nodes);
        model.Graph.Initializer.AddRange(written.Constants);
        model.Graph.ValueInfo.AddRange(written.Described.Select(value => ForwardGraph.Describe(value.Name, value.Type, value.Shape)));
        OperatorSets.Complete(model.Proto, model.GetOpsetVersion());
        var after = Liveness.Of(written.Nodes, name => written.SizeOf(name) ?? activations.SizeOf(name)).PeakBytes;
        var report = new RecomputeReport(
            layers?.Distinct().Count(layer => layer is not null) ?? 0, choice.Values.Count, choice.Values.Where(value => activations.Root(value) == value).Sum(activations.SizeOf),
            written.Nodes.Count - activations.Nodes.Length, before, after, after <= (options.MemoryBudget ?? long.MaxValue));
        return (graph with { Model = model, Values = written.Table(graph.Values) }, report);
    }
}
