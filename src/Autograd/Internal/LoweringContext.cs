using OrtZero.Onnx.Protobuf;

namespace OrtZero.Autograd.Internal;

/// <summary>What a lowering sees of the node it replaces. It hands the value of each output that is used to <see cref="Return"/>.</summary>
internal sealed class LoweringContext(
    NodeProto node, GraphEmitter graph, IReadOnlySet<string> wanted, Func<NodeProto, string> parameterBehind, bool isFused)
    : NodeContext(node, graph, wanted, parameterBehind)
{
    /// <summary>Whether the graph is for the CPU, which has operators and forms of operators that other providers lack.</summary>
    public bool IsFused => isFused;

    /// <summary>
    /// Set by a lowering that only other providers need: gradients are still those of the operator's own rule, for what it computes is the same.
    /// </summary>
    public bool KeepsRule { get; set; }

    /// <summary>Says what an output is. Ignored if the node does not have it.</summary>
    public void Return(int index, Value value)
    {
        if (HasOutput(index))
        {
            Graph.Name(value, Node.Output[index]);
        }
    }
}
