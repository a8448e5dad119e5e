using OrtZero.Onnx;
using OrtZero.Onnx.Protobuf;

namespace OrtZero.Sharding.Internal;

/// <summary>
/// A graph as the search for uses of parameters walks it: who makes a value, who reads it at which input, and which values
/// depend on parameters and constants only.
/// </summary>
internal sealed class ParameterGraph
{
    private readonly GraphIndex _index;
    private readonly HashSet<string> _parameters;
    private readonly HashSet<string> _fixed;

    public ParameterGraph(GraphProto graph, IEnumerable<string> parameters)
    {
        graph = graph.WithBranches();
        _index = new GraphIndex(graph);
        _parameters = new HashSet<string>(parameters, StringComparer.Ordinal);
        _fixed = graph.Initializer.Select(tensor => tensor.Name).ToHashSet(StringComparer.Ordinal);
        foreach (var node in _index.TopologicalOrder())
        {
            var inputs = _index.Inputs(node);
            if (node.OpType is "Constant" or "Shape" or "Size" || (inputs.Count > 0 && inputs.All(_fixed.Contains)))
            {
                _fixed.UnionWith(node.Output);
            }
        }
    }

    public NodeProto? Producer(string value) => _index.Producer(value);

    public TensorProto? Initializer(string value) => _index.Initializer(value);

    public bool IsParameter(string value) => _parameters.Contains(value);

    /// <summary>Whether a value is the same for every input of the model while the parameters stand still.</summary>
    public bool IsFixed(string value) => _fixed.Contains(value);

    /// <summary>Every node input that reads a value.</summary>
    public IEnumerable<ParameterRead> Reads(string value) =>
        from node in _index.Consumers(value)
        from position in Enumerable.Range(0, node.Input.Count)
        where node.Input[position] == value
        select new ParameterRead(node, position);

    /// <summary>The value that came into a chain of operators which only move, cast or rename elements.</summary>
    public string SkipMoves(string value)
    {
        for (var node = Producer(value); node is not null && OperatorSets.Moves.Contains(node.OpType); node = Producer(value))
        {
            value = node.Input[0];
        }

        return value;
    }

    /// <summary>The single number a value is known to be, or null.</summary>
    public double? Scalar(string value)
    {
        value = SkipMoves(value);
        var constant = Producer(value) is { OpType: "Constant" } node ? node : null;
        if (constant?.FindAttribute("value_float") is { } single)
        {
            return single.F;
        }

        if (constant?.FindAttribute("value_int") is { } integer)
        {
            return integer.I;
        }

        var tensor = constant?.GetTensor("value") ?? Initializer(value);
        if (tensor is null || tensor.ElementCount() != 1)
        {
            return null;
        }

        return tensor.ElementType().IsFloatingPoint() ? tensor.ToSingles()[0]
            : tensor.ElementType().IsInteger() ? tensor.ToInt64s()[0]
            : null;
    }
}
