using OrtZero.Onnx;
using OrtZero.Onnx.Protobuf;

namespace OrtZero.Autograd.Internal;

/// <summary>Prepares the forward graph: sorted, shape arithmetic replaced by its values, and only what the outputs need.</summary>
internal static class ForwardGraph
{
    /// <summary>Sorts the nodes, and turns Constant nodes and integer values that do not depend on data into initializers.</summary>
    /// <param name="graph">The graph, or a branch.</param>
    /// <param name="values">Its values.</param>
    /// <param name="captured">What a branch reads from around it.</param>
    public static void Fold(GraphProto graph, ValueTable values, IReadOnlyCollection<string>? captured = null)
    {
        var nodes = new List<NodeProto>();
        var stored = graph.Initializer.Select(tensor => tensor.Name).ToHashSet(StringComparer.Ordinal);
        foreach (var node in new GraphIndex(graph, captured).TopologicalOrder())
        {
            var constants = node.Output.Select(output => output.Length > 0 ? values.Constant(output) : null).ToArray();
            if (!constants.Zip(node.Output).All(pair => pair.First is not null || pair.Second.Length == 0))
            {
                nodes.Add(node);
                continue;
            }

            foreach (var (constant, name) in constants.Zip(node.Output))
            {
                if (constant is not null && stored.Add(name))
                {
                    var tensor = constant.Clone();
                    tensor.Name = name;
                    graph.Initializer.Add(tensor);
                }
            }
        }

        graph.Node.Clear();
        graph.Node.AddRange(nodes);
    }

    /// <summary>Removes nodes, initializers and inputs on which no graph output depends, and descriptions that may be stale.</summary>
    public static void Prune(GraphProto graph)
    {
        var used = graph.Output.Select(output => output.Name).ToHashSet(StringComparer.Ordinal);
        var kept = new List<NodeProto>();
        foreach (var node in graph.Node.Reverse())
        {
            if (node.Output.Any(used.Contains))
            {
                kept.Add(node);
                used.UnionWith(NodeInputs.Of(node));
            }
        }

        kept.Reverse();
        var tensors = graph.Initializer.Where(tensor => used.Contains(tensor.Name)).ToList();
        var inputs = graph.Input.Where(input => used.Contains(input.Name)).ToList();
        graph.Node.Clear();
        graph.Node.AddRange(kept);
        graph.Initializer.Clear();
        graph.Initializer.AddRange(tensors);
        graph.Input.Clear();
        graph.Input.AddRange(inputs);
        graph.ValueInfo.Clear();
    }

    /// <summary>The description of a graph input or output; an axis of length -1 stays open.</summary>
    public static ValueInfoProto Describe(string name, TensorElementType type, ReadOnlySpan<long> shape)
    {
        var dimensions = new TensorShapeProto();
        foreach (var length in shape)
        {
            dimensions.Dim.Add(length < 0 ? new TensorShapeProto.Types.Dimension() : new TensorShapeProto.Types.Dimension { DimValue = length });
        }

        return new ValueInfoProto
        {
            Name = name,
            Type = new TypeProto { TensorType = new TypeProto.Types.Tensor { ElemType = (int)type, Shape = dimensions } },
        };
    }
}
