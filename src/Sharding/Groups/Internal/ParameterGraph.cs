using OrtZero.Onnx.Protobuf;

namespace OrtZero.Sharding.Internal;

/// <summary>
/// A graph as the search for uses of parameters walks it: who makes a value, who reads it at which input, and which values
/// depend on parameters and constants only.
/// </summary>
internal sealed class ParameterGraph
{
    private readonly Dictionary<string, NodeProto> _producers = new(StringComparer.Ordinal);
    private readonly Dictionary<string, List<ParameterRead>> _reads = new(StringComparer.Ordinal);
    private readonly Dictionary<string, TensorProto> _initializers = new(StringComparer.Ordinal);
    private readonly Dictionary<string, bool> _fixed = new(StringComparer.Ordinal);
    private readonly HashSet<string> _parameters;

    public ParameterGraph(GraphProto graph, IEnumerable<string> parameters)
    {
        _parameters = new HashSet<string>(parameters, StringComparer.Ordinal);
        foreach (var tensor in graph.Initializer)
        {
            _initializers[tensor.Name] = tensor;
            _fixed[tensor.Name] = true;
        }

        // The specification lists nodes in topological order, so one pass settles which values are fixed.
        foreach (var node in graph.Node)
        {
            var isFixed = node.OpType is "Constant" or "Shape" or "Size";
            isFixed |= node.Input.Count > 0 && node.Input.All(name => name.Length == 0 || IsFixed(name));
            foreach (var output in node.Output)
            {
                _producers[output] = node;
                _fixed[output] = isFixed;
            }

            for (var position = 0; position < node.Input.Count; position++)
            {
                if (node.Input[position].Length > 0)
                {
                    if (!_reads.TryGetValue(node.Input[position], out var reads))
                    {
                        _reads[node.Input[position]] = reads = [];
                    }

                    reads.Add(new ParameterRead(node, position));
                }
            }
        }
    }

    public NodeProto? Producer(string value) => _producers.GetValueOrDefault(value);

    public IReadOnlyList<ParameterRead> Reads(string value) => _reads.TryGetValue(value, out var reads) ? reads : [];

    public TensorProto? Initializer(string value) => _initializers.GetValueOrDefault(value);

    public bool IsParameter(string value) => _parameters.Contains(value);

    /// <summary>Whether a value is the same for every input of the model while the parameters stand still.</summary>
    public bool IsFixed(string value) => _fixed.GetValueOrDefault(value);

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
        var tensor = Initializer(value);
        if (tensor is null && Producer(value) is { OpType: "Constant" } constant)
        {
            var attribute = constant.Attribute.FirstOrDefault(attribute => attribute.Name is "value" or "value_float" or "value_int");
            if (attribute?.Name == "value_float")
            {
                return attribute.F;
            }

            if (attribute?.Name == "value_int")
            {
                return attribute.I;
            }

            tensor = attribute?.T;
        }

        return tensor is null ? null : ScalarReader.Read(tensor);
    }
}
