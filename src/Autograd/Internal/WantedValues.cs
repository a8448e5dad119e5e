using OrtZero.Onnx;
using OrtZero.Onnx.Protobuf;

namespace OrtZero.Autograd.Internal;

/// <summary>The values with a trainable parameter behind them.</summary>
internal static class WantedValues
{
    public static HashSet<string> Of(GraphEmitter graph, GradientRuleSet rules, IEnumerable<NodeProto> nodes, IReadOnlySet<string> trainable)
    {
        var wanted = new HashSet<string>(trainable, StringComparer.Ordinal);
        foreach (var node in nodes)
        {
            if (rules.IsDifferentiable(node.Domain, node.OpType) && NodeInputs.Of(node).Any(wanted.Contains))
            {
                // Gradients pass straight through quantization, though what lies between is integers.
                wanted.UnionWith(node.Output.Where(output => IsReal(graph, output) || node is { OpType: "QuantizeLinear" } && output.Length > 0));
            }
        }

        return wanted;
    }

    /// <summary>A trainable parameter that the node depends on, for messages.</summary>
    public static string ParameterBehind(GraphEmitter graph, NodeProto node, IReadOnlySet<string> wanted, IReadOnlySet<string> trainable)
    {
        var seen = new HashSet<NodeProto>();
        var open = new Queue<NodeProto>([node]);
        while (open.TryDequeue(out var current))
        {
            foreach (var input in NodeInputs.Of(current).Where(wanted.Contains))
            {
                if (trainable.Contains(input))
                {
                    return input;
                }

                if (graph.Producer(input) is { } producer && seen.Add(producer))
                {
                    open.Enqueue(producer);
                }
            }
        }

        throw new InvalidOperationException($"Node '{NodeContext.NameOf(node)}' has no trainable parameter behind it.");
    }

    private static bool IsReal(GraphEmitter graph, string value) =>
        value.Length > 0 && (!graph.TryFind(value, out var description) || description.Type.IsFloatingPoint());
}
