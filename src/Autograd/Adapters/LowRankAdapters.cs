using OrtZero.Autograd.Internal;
using OrtZero.Onnx;
using OrtZero.Onnx.Protobuf;

namespace OrtZero.Autograd;

/// <summary>Puts low-rank adapters into forward models and takes them out again.</summary>
public static class LowRankAdapters
{
    /// <summary>Writes adapters beside all products with their weights, whose names and outputs stay as they are.</summary>
    /// <param name="model">The model, changed in place.</param>
    /// <param name="sites">What <see cref="AdapterSites.Find"/> says of this model's graph.</param>
    /// <param name="adapters">The adapters, each with the values that its A begins with; B begins with zeros, so the model computes what it did.</param>
    /// <returns>The names of the nodes that drop elements of what comes into the adapters.</returns>
    public static IReadOnlyList<string> Insert(OnnxModel model, AdapterSites sites, IReadOnlyList<(LowRankAdapter Adapter, float[] Start)> adapters)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(sites);
        ArgumentNullException.ThrowIfNull(adapters);
        var graph = model.Graph;
        var written = new Dictionary<NodeProto, List<NodeProto>>(ReferenceEqualityComparer.Instance);
        var writer = new AdapterWriter(graph);
        foreach (var (adapter, start) in adapters)
        {
            graph.Initializer.Add(TensorFactory.FromSingles(adapter.A, [adapter.Rank, adapter.Inputs], start));
            graph.Initializer.Add(TensorFactory.FromSingles(adapter.B, [adapter.Outputs, adapter.Rank], new float[adapter.Outputs * adapter.Rank]));
            foreach (var site in sites.Sites[adapter.Weight])
            {
                written.Add(site.Node, writer.Write(site, adapter));
            }
        }

        // Behind the product, because nodes stand in topological order.
        var nodes = graph.Node.SelectMany(node => written.TryGetValue(node, out var added) ? [node, .. added] : (IEnumerable<NodeProto>)[node]).ToList();
        graph.Node.Clear();
        graph.Node.AddRange(nodes);
        return writer.Dropouts;
    }

    /// <summary>Adds adapters to the weights of the model they were made for.</summary>
    /// <param name="model">The model without adapters, changed in place.</param>
    /// <param name="adapters">The adapters.</param>
    /// <param name="values">The trained values of an A or a B by its name.</param>
    public static void Merge(OnnxModel model, IEnumerable<LowRankAdapter> adapters, Func<string, float[]> values)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(adapters);
        ArgumentNullException.ThrowIfNull(values);
        foreach (var adapter in adapters)
        {
            var weight = model.Graph.FindInitializer(adapter.Weight)
                ?? throw new ArgumentException($"The model has no weight '{adapter.Weight}'.", nameof(model));
            var merged = adapter.Merge(weight.ToSingles(), values(adapter.A), values(adapter.B));
            model.Graph.SetInitializer(TensorFactory.FromSingles(adapter.Weight, weight.Shape(), merged));
        }
    }
}
