using OrtZero.Onnx;
using OrtZero.Onnx.Protobuf;
using OrtZero.Sharding.Internal;

namespace OrtZero.Sharding;

/// <summary>Finds out from a graph what its parameters are, whatever they are called.</summary>
public static class ParameterKinds
{
    /// <summary>How the model's graph uses each parameter; see <see cref="Detect(GraphProto, IEnumerable{string})"/>.</summary>
    /// <exception cref="ParameterGroupException">A name is not an initializer of the model.</exception>
    public static IReadOnlyDictionary<string, ParameterUse> Detect(OnnxModel model, IEnumerable<string> parameters)
    {
        ArgumentNullException.ThrowIfNull(model);
        return Detect(model.Graph, parameters);
    }

    /// <summary>
    /// How the graph uses each parameter: through Identity, Cast, Reshape, Transpose and the like, through values computed from
    /// parameters and constants only, and through normalizations exported as primitive operators.
    /// </summary>
    /// <param name="graph">The graph; nodes in topological order as the specification demands.</param>
    /// <param name="parameters">Names of initializers; all trainable ones, since a normalization with a trained scale of its own is told
    /// from one without.</param>
    /// <exception cref="ParameterGroupException">A name is not an initializer of the graph.</exception>
    public static IReadOnlyDictionary<string, ParameterUse> Detect(GraphProto graph, IEnumerable<string> parameters)
    {
        ArgumentNullException.ThrowIfNull(graph);
        ArgumentNullException.ThrowIfNull(parameters);
        var names = parameters.Distinct(StringComparer.Ordinal).ToList();
        var walked = new ParameterGraph(graph, names);
        var missing = names.Find(name => walked.Initializer(name) is null);
        if (missing is not null)
        {
            throw new ParameterGroupException(
                $"'{missing}' is not an initializer of the graph '{graph.Name}': only initializers are parameters.");
        }

        var finder = new UseFinder(walked);
        return names.ToDictionary(name => name, finder.Find, StringComparer.Ordinal);
    }
}
