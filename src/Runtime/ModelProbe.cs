using OrtZero.Onnx;
using OrtZero.Onnx.Protobuf;
using OrtZero.Runtime.Internal;

namespace OrtZero.Runtime;

/// <summary>
/// Learns the exact type and shape of every value of a model by running it once. ONNX Runtime's own inference leaves many
/// shapes open, because exporters compute shapes inside the graph.
/// </summary>
public static class ModelProbe
{
    /// <summary>Larger integer results are data, not shapes or indices, and their values are not kept.</summary>
    public const int MaximumConstantElements = 65536;

    /// <summary>
    /// Runs the model once, unoptimized and with every value as an output, and describes every value of the main graph:
    /// inputs, initializers and what each node computes. The branches of If nodes are run too, each on its own, and described in
    /// <see cref="ValueTable.Branch"/>. Values inside the bodies of Loop and Scan and values other than tensors are left out.
    /// </summary>
    /// <remarks>
    /// The table's constants are the initializers, Constant nodes, integer and bool values of at most
    /// <see cref="MaximumConstantElements"/> elements that depend on shapes, integer initializers and Constant nodes only, and
    /// float values of one element computed from such, like the square root of an axis length. They hold for every input of
    /// the same shapes. What depends on a float initializer is no constant, since that may be a parameter; unless some shape comes
    /// from data, the larger ones of these are zeros in the run, so that it takes no memory for them.
    /// </remarks>
    /// <param name="environment">The environment to run in.</param>
    /// <param name="model">The model; it is not changed.</param>
    /// <param name="inputs">One micro-batch: a tensor for every input.</param>
    /// <param name="options">For models with custom operators or a certain provider; graph optimization must be None.</param>
    /// <exception cref="OrtException">The model cannot be run on these inputs.</exception>
    /// <exception cref="ArgumentException">The options ask for graph optimizations, which would remove values.</exception>
    public static ValueTable Describe(
        OrtEnvironment environment, OnnxModel model, IReadOnlyDictionary<string, OrtTensor> inputs, OrtSessionOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(environment);
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(inputs);
        if (options is null)
        {
            using var plain = new OrtSessionOptions(environment) { GraphOptimizationLevel = GraphOptimizationLevel.None };
            return Describe(environment, model, inputs, plain);
        }

        if (options.GraphOptimizationLevel != GraphOptimizationLevel.None)
        {
            throw new ArgumentException("A probe needs every value as it is written; set GraphOptimizationLevel to None.", nameof(options));
        }

        var table = ValueTable.FromGraph(model.Graph);
        foreach (var (name, tensor) in inputs)
        {
            table.Add(new ValueDescription(name, tensor.ElementType, [.. tensor.Shape]));
        }

        var computed = ComputedValues(model.Graph);
        if (computed.Count == 0)
        {
            return table;
        }

        var dependence = new DataDependence(model.Graph);
        using var weights = new StandInWeights(model, isWanted: !dependence.HasShapesFromData);
        var captured = BranchProbe.Captured(model.Graph);
        var types = Types(environment, weights.Model, computed, options);
        var whole = computed.Where(name => captured.Contains(name) || (types.ContainsKey(name) && !dependence.DependsOnData(name))).ToHashSet(StringComparer.Ordinal);
        var shapes = ShapesOf(model, computed.Where(name => types.ContainsKey(name) && !whole.Contains(name)));
        var probe = WithOutputs(weights.Model, [.. whole, .. shapes.Nodes.Select(node => node.Output[0])]);
        probe.Graph.Node.AddRange(shapes.Nodes);
        using var session = OrtSession.Open(environment, probe, options);
        var fed = weights.Tensors.Count == 0 ? inputs : new Dictionary<string, OrtTensor>(inputs.Concat(weights.Tensors), StringComparer.Ordinal);
        List<string> fetched = [.. whole, .. shapes.Values.Keys];
        var kept = new Dictionary<string, OrtTensor>(StringComparer.Ordinal);
        captured = [.. captured, .. shapes.Values.Keys];
        try
        {
            Record(table, session.RunRaw(fed, fetched, null), fetched, dependence, captured, kept);
            foreach (var (name, value) in shapes.Values)
            {
                // The probe's own outputs are int64 vectors that hold shapes.
                table.Add(new ValueDescription(value, types[value], kept[name].Span<long>().ToArray()));
            }

            BranchProbe.Describe(environment, model, table, new Dictionary<string, OrtTensor>(kept.Concat(inputs), StringComparer.Ordinal), options);
        }
        finally
        {
            foreach (var tensor in kept.Values)
            {
                tensor.Dispose();
            }
        }

        return table;
    }

    /// <summary>Describes all results and disposes those that no branch reads; the others are handed to <paramref name="kept"/>.</summary>
    private static void Record(
        ValueTable table, OrtHandle[] results, List<string> names, DataDependence dependence, HashSet<string> captured, Dictionary<string, OrtTensor> kept)
    {
        for (var i = 0; i < results.Length; i++)
        {
            if (results[i].IsInvalid || !ValueReader.IsTensor(results[i].Api, results[i].DangerousGetHandle()))
            {
                results[i].Dispose();
                continue;
            }

            var tensor = OrtTensor.Adopt(results[i]);
            Record(table, names[i], tensor, dependence);
            if (captured.Contains(names[i]))
            {
                kept.Add(names[i], tensor);
            }
            else
            {
                tensor.Dispose();
            }
        }
    }

    /// <summary>The element types of all values that are tensors, which ONNX Runtime infers without running.</summary>
    private static Dictionary<string, TensorElementType> Types(OrtEnvironment environment, OnnxModel model, List<string> values, OrtSessionOptions options)
    {
        using var session = OrtSession.Open(environment, WithOutputs(model, values), options);
        return session.Outputs.Where(output => output.Type != TensorElementType.Undefined)
            .ToDictionary(output => output.Name, output => output.Type, StringComparer.Ordinal);
    }

    /// <summary>
    /// A Shape node for each value, so that no value outlives its last reader and the probe takes no more memory than inference. Those of
    /// the first values come last, because ONNX Runtime begins with the last of the nodes that nothing reads.
    /// </summary>
    private static (List<NodeProto> Nodes, Dictionary<string, string> Values) ShapesOf(OnnxModel model, IEnumerable<string> values)
    {
        var names = new NameAllocator(model.Graph);
        var nodes = new List<NodeProto>();
        var table = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var value in values.Reverse())
        {
            var name = names.Unique($"{value}/shape_of");
            nodes.Add(NodeFactory.Create("Shape", [value], [name], name));
            table.Add(name, value);
        }

        return (nodes, table);
    }

    private static List<string> ComputedValues(GraphProto graph)
    {
        var seen = new HashSet<string>(StringComparer.Ordinal);
        return [.. graph.Node.SelectMany(node => node.Output).Where(output => output.Length > 0 && seen.Add(output))];
    }

    private static OnnxModel WithOutputs(OnnxModel model, List<string> values)
    {
        var probe = model.Clone();
        var present = probe.Graph.Output.Select(output => output.Name).ToHashSet(StringComparer.Ordinal);
        foreach (var value in values.Where(value => !present.Contains(value)))
        {
            // ONNX Runtime infers the type of an output that has none.
            probe.Graph.Output.Add(new ValueInfoProto { Name = value });
        }

        return probe;
    }

    private static void Record(ValueTable table, string name, OrtTensor tensor, DataDependence dependence)
    {
        var type = tensor.ElementType;
        var isConstant = !dependence.DependsOnData(name)
            && (type.IsInteger() || type == TensorElementType.Bool
                ? tensor.ElementCount <= MaximumConstantElements
                : type.IsFloatingPoint() && tensor.ElementCount == 1);
        if (isConstant && table.Constant(name) is null)
        {
            table.SetConstant(name, TensorFactory.Raw(name, type, tensor.Dimensions, tensor.Span<byte>()));
        }

        table.Add(new ValueDescription(name, type, [.. tensor.Shape]));
    }
}
