using OrtZero.Onnx.Protobuf;

namespace OrtZero.Autograd.Internal;

/// <summary>
/// Writes what a node computes as simpler operators, which have gradient rules, and hands each output to the context. <c>false</c>: it
/// wrote nothing, and the node stays.
/// </summary>
internal delegate bool LoweringRule(LoweringContext context);

/// <summary>
/// Replaces composite operators (recurrent networks, attention, group normalization) between a trainable parameter and the loss by the
/// operators they are made of. Their gradients then follow from rules that exist, exactly, and every execution provider runs them.
/// </summary>
internal static class Lowering
{
    /// <summary>Replaces nodes of the graph, and returns those to differentiate in their order.</summary>
    public static NodeProto[] Apply(GraphProto graph, GraphEmitter emitter, GradientRuleSet rules, IReadOnlySet<string> trainable, bool isFused)
    {
        if (!graph.Node.Any(node => rules.TryGetLowering(node.Domain, node.OpType, out _)))
        {
            return [.. graph.Node];
        }

        var differentiated = new List<NodeProto>();
        var nodes = graph.Node.ToArray();
        var wanted = WantedValues.Of(emitter, rules, nodes, trainable);
        graph.Node.Clear();
        foreach (var node in nodes)
        {
            if (!rules.TryGetLowering(node.Domain, node.OpType, out var lower) || !NodeInputs.Of(node).Any(wanted.Contains))
            {
                Keep(node);
                continue;
            }

            emitter.Scope = NodeContext.NameOf(node);
            var context = new LoweringContext(
                node, emitter, wanted, inner => WantedValues.ParameterBehind(emitter, inner, wanted, trainable), isFused);
            var first = graph.Node.Count;
            if (!lower(context))
            {
                Keep(node);
            }
            else if (context.KeepsRule)
            {
                differentiated.Add(node);
            }
            else
            {
                differentiated.AddRange(graph.Node.Skip(first));
            }
        }

        return [.. differentiated];

        void Keep(NodeProto node)
        {
            graph.Node.Add(node);
            differentiated.Add(node);
        }
    }
}
