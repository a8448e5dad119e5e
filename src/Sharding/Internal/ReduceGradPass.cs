using OrtZero.Autograd;
using OrtZero.Onnx;
using OrtZero.Onnx.Protobuf;

namespace OrtZero.Sharding.Internal;

/// <summary>
/// Ends every gradient of a training graph in a ReduceGrad node.
/// </summary>
/// <remarks>
/// Each node takes the token of the one before, in the order in which the graph lists the gradients' producers, and the last
/// token is a graph output. Without that chain ONNX Runtime may put off all weight gradients to the end of the run, which keeps
/// every activation alive and leaves nothing to overlap communication with.
/// </remarks>
internal static class ReduceGradPass
{
    /// <summary>The graph output that is left in place of the gradients, a scalar.</summary>
    public const string TokenOutput = "ortzero_gradients_reduced";

    /// <summary>The trainable parameters in the order in which their gradients are produced.</summary>
    public static IReadOnlyList<TrainableParameter> ReadinessOrder(TrainingGraph graph)
    {
        var positions = new Dictionary<string, int>(StringComparer.Ordinal);
        var nodes = graph.Model.Graph.Node;
        for (var index = 0; index < nodes.Count; index++)
        {
            foreach (var output in nodes[index].Output)
            {
                positions[output] = index;
            }
        }

        return [.. graph.Parameters.OrderBy(parameter => positions.TryGetValue(parameter.GradientName, out var position)
            ? position
            : throw new ShardingException(
                $"No node of the training graph computes '{parameter.GradientName}', the gradient of '{parameter.Name}': rebuild the training graph."))];
    }

    public static TrainingGraph Attach(TrainingGraph graph, PartitionPlan plan, bool[] expected, string domain)
    {
        Check(graph, plan, expected);
        var model = graph.Model.Clone();
        var gradients = graph.Parameters.Select(parameter => parameter.GradientName).ToHashSet(StringComparer.Ordinal);
        var kept = model.Graph.Output.Where(output => !gradients.Contains(output.Name)).ToList();
        model.Graph.Output.Clear();
        model.Graph.Output.AddRange(kept);

        var token = "";
        var order = ReadinessOrder(graph).Where(parameter => expected[plan.IndexOf(parameter.Name)]).ToList();
        KeepOnly(model.Graph, [.. kept.Select(output => output.Name), .. order.Select(parameter => parameter.GradientName)]);
        for (var index = 0; index < order.Count; index++)
        {
            var node = new NodeProto { Name = $"reduce_grad/{order[index].Name}", OpType = ReduceGradOperator.OperatorName, Domain = domain };
            node.Input.Add(order[index].GradientName);
            if (token.Length > 0)
            {
                node.Input.Add(token);
            }

            token = index == order.Count - 1 ? TokenOutput : $"{TokenOutput}/{order[index].Name}";
            node.Output.Add(token);
            node.SetString(ReduceGradOperator.ParameterAttribute, order[index].Name);
            model.Graph.Node.Add(node);
        }

        model.Graph.Output.Add(new ValueInfoProto
        {
            Name = TokenOutput,
            Type = new TypeProto { TensorType = new TypeProto.Types.Tensor { ElemType = (int)TensorElementType.Float, Shape = new TensorShapeProto() } },
        });
        if (!model.Proto.OpsetImport.Any(import => import.Domain == domain))
        {
            model.Proto.OpsetImport.Add(new OperatorSetIdProto { Domain = domain, Version = 1 });
        }

        return graph with { Model = model };
    }

    // What only gradients of parameters that sleep need is not computed.
    private static void KeepOnly(GraphProto graph, IEnumerable<string> wanted)
    {
        var needed = wanted.ToHashSet(StringComparer.Ordinal);
        var nodes = new List<NodeProto>(graph.Node.Count);
        foreach (var node in graph.Node.Reverse())
        {
            if (node.Output.Any(needed.Contains))
            {
                nodes.Add(node);
                needed.UnionWith(node.Input);
                needed.UnionWith(Outside(node));
            }
        }

        if (nodes.Count < graph.Node.Count)
        {
            nodes.Reverse();
            graph.Node.Clear();
            graph.Node.AddRange(nodes);
        }
    }

    // The values that the bodies of a loop or a branch take from around it.
    private static IEnumerable<string> Outside(NodeProto node) =>
        node.Attribute.Where(attribute => attribute.G is not null)
            .SelectMany(attribute => attribute.G.Node.SelectMany(inner => inner.Input.Concat(Outside(inner))));

    private static void Check(TrainingGraph graph, PartitionPlan plan, bool[] expected)
    {
        var found = new bool[expected.Length];
        foreach (var parameter in graph.Parameters)
        {
            var index = plan.IndexOf(parameter.Name);
            found[index] = true;
            if (parameter.Type != TensorElementType.Float || !parameter.Shape.AsSpan().SequenceEqual(plan.Parameters[index].Shape))
            {
                throw new ShardingException(
                    $"The training graph has '{parameter.Name}' as {parameter.Type} [{string.Join(", ", parameter.Shape)}] but the plan as Float [{string.Join(", ", plan.Parameters[index].Shape)}]: build both from one model.");
            }
        }

        var missing = Enumerable.Range(0, expected.Length).FirstOrDefault(index => expected[index] && !found[index], -1);
        if (missing >= 0)
        {
            throw new ShardingException(
                $"The training graph computes no gradient of '{plan.Parameters[missing].Name}': freeze the parameter or build the graph with it as trainable.");
        }
    }
}
