using OrtZero.Autograd;
using OrtZero.Onnx;
using OrtZero.Onnx.Protobuf;

namespace OrtZero.Training.Internal;

/// <summary>
/// Joins the gradients of a training graph into a few long vectors, so that few copies bring them from a device, and, where an update
/// has several micro-batches, adds those of the micro-batches before to each.
/// </summary>
internal static class DeviceGradientPass
{
    /// <summary>64 MiB of float32, within the largest buffer that every WebGPU device binds.</summary>
    internal const long LargestVector = 16L << 20;

    /// <summary>One of the vectors.</summary>
    /// <param name="Output">The graph output.</param>
    /// <param name="Before">The graph input for the sum so far; null without accumulation.</param>
    /// <param name="Parameters">The gradients in it, one behind the other.</param>
    /// <param name="Length">Its elements.</param>
    internal sealed record Vector(string Output, string? Before, IReadOnlyList<TrainableParameter> Parameters, long Length);

    /// <summary>Makes the graph, which computes nothing but these gradients, the loss and what is carried to the next run.</summary>
    internal static (OnnxModel Model, IReadOnlyList<Vector> Vectors) Attach(TrainingGraph graph, IReadOnlySet<string> trained, bool accumulates)
    {
        var model = graph.Model.Clone();
        var gradients = graph.Parameters.Select(parameter => parameter.GradientName).ToHashSet(StringComparer.Ordinal);
        var kept = model.Graph.Output.Where(output => !gradients.Contains(output.Name)).ToList();
        model.Graph.Output.Clear();
        model.Graph.Output.AddRange(kept);
        var vectors = new List<Vector>();
        foreach (var parameters in Divide(graph.Parameters.Where(parameter => trained.Contains(parameter.Name))))
        {
            vectors.Add(Join(model.Graph, parameters, vectors.Count, accumulates));
        }

        Prune(model.Graph);
        return (model, vectors);
    }

    private static List<List<TrainableParameter>> Divide(IEnumerable<TrainableParameter> parameters)
    {
        var groups = new List<List<TrainableParameter>>();
        var room = 0L;
        foreach (var parameter in parameters)
        {
            var length = Length(parameter);
            if (groups.Count == 0 || length > room)
            {
                groups.Add([]);
                room = LargestVector;
            }

            groups[^1].Add(parameter);
            room -= length;
        }

        return groups;
    }

    private static Vector Join(GraphProto graph, List<TrainableParameter> parameters, int number, bool accumulates)
    {
        var output = $"ortzero_gradients/{number}";
        var flat = $"{output}/flat";
        if (graph.Initializer.All(tensor => tensor.Name != "ortzero_gradients/shape"))
        {
            graph.Initializer.Add(TensorFactory.FromInt64s("ortzero_gradients/shape", [1], [-1]));
        }

        var joined = new NodeProto { OpType = "Concat", Name = flat };
        joined.SetInt("axis", 0);
        foreach (var parameter in parameters)
        {
            var name = $"{output}/{parameter.GradientName}";
            graph.Node.Add(new NodeProto { OpType = "Reshape", Name = name, Input = { parameter.GradientName, "ortzero_gradients/shape" }, Output = { name } });
            joined.Input.Add(name);
        }

        joined.Output.Add(accumulates ? flat : output);
        graph.Node.Add(joined);
        var length = parameters.Sum(Length);
        graph.Output.Add(Describe(output, length));
        if (!accumulates)
        {
            return new Vector(output, null, parameters, length);
        }

        // Of open length: the first micro-batch adds a single zero.
        var before = $"{output}/before";
        graph.Input.Add(Describe(before, null));
        graph.Node.Add(new NodeProto { OpType = "Add", Name = output, Input = { flat, before }, Output = { output } });
        return new Vector(output, before, parameters, length);
    }

    private static void Prune(GraphProto graph)
    {
        var used = graph.Output.Select(output => output.Name).ToHashSet(StringComparer.Ordinal);
        var kept = new List<NodeProto>();
        var index = new GraphIndex(graph);
        foreach (var node in graph.Node.Reverse())
        {
            if (node.Output.Any(used.Contains))
            {
                kept.Add(node);
                used.UnionWith(index.Inputs(node));
            }
        }

        kept.Reverse();
        graph.Node.Clear();
        graph.Node.AddRange(kept);
        var inputs = graph.Input.Where(input => used.Contains(input.Name)).ToList();
        graph.Input.Clear();
        graph.Input.AddRange(inputs);
    }

    private static long Length(TrainableParameter parameter) => parameter.Shape.Aggregate(1L, (product, axis) => product * axis);

    private static ValueInfoProto Describe(string name, long? length) => new()
    {
        Name = name,
        Type = new TypeProto
        {
            TensorType = new TypeProto.Types.Tensor
            {
                ElemType = (int)TensorElementType.Float,
                Shape = new TensorShapeProto
                {
                    Dim = { length is { } known ? new TensorShapeProto.Types.Dimension { DimValue = known } : new TensorShapeProto.Types.Dimension { DimParam = name } },
                },
            },
        },
    };
}
