using OrtZero.Onnx.Internal;
using OrtZero.Onnx.Protobuf;

namespace OrtZero.Onnx;

/// <summary>
/// Who produces and who consumes each value of a graph, as the graph was when the index was made. A value that a node's
/// subgraph (the body of If, Loop or Scan) uses from outside counts as consumed by that node.
/// </summary>
public sealed class GraphIndex
{
    private readonly Dictionary<string, NodeProto> _producers = new(StringComparer.Ordinal);
    private readonly Dictionary<string, List<NodeProto>> _consumers = new(StringComparer.Ordinal);
    private readonly Dictionary<string, TensorProto> _initializers = new(StringComparer.Ordinal);
    private readonly HashSet<string> _sources = new(StringComparer.Ordinal);
    private readonly HashSet<string> _outputs = new(StringComparer.Ordinal);
    private readonly List<NodeProto> _nodes;
    private readonly Dictionary<NodeProto, List<string>> _inputs = new(ReferenceEqualityComparer.Instance);

    /// <summary>Indexes a graph.</summary>
    /// <param name="graph">The graph.</param>
    /// <param name="captured">What a subgraph reads from the graphs around it; null for a model's own graph.</param>
    /// <exception cref="OnnxFormatException">A value has two producers.</exception>
    public GraphIndex(GraphProto graph, IReadOnlyCollection<string>? captured = null)
    {
        ArgumentNullException.ThrowIfNull(graph);
        _sources.UnionWith(captured ?? []);
        _nodes = [.. graph.Node];
        foreach (var tensor in graph.Initializer)
        {
            _initializers[tensor.Name] = tensor;
            _sources.Add(tensor.Name);
        }

        foreach (var sparse in graph.SparseInitializer)
        {
            _sources.Add(sparse.Values?.Name ?? "");
        }

        foreach (var input in graph.Input)
        {
            _sources.Add(input.Name);
        }

        foreach (var output in graph.Output)
        {
            _outputs.Add(output.Name);
        }

        foreach (var node in _nodes)
        {
            AddNode(node);
        }
    }

    /// <summary>The node that produces a value, or null when it is an input, an initializer or unknown.</summary>
    public NodeProto? Producer(string value) => _producers.GetValueOrDefault(value);

    /// <summary>The nodes that use a value, each once, in the graph's order.</summary>
    public IReadOnlyList<NodeProto> Consumers(string value) => _consumers.TryGetValue(value, out var nodes) ? nodes : [];

    /// <summary>The initializer of that name, or null.</summary>
    public TensorProto? Initializer(string name) => _initializers.GetValueOrDefault(name);

    /// <summary>Whether the value is one of the graph's outputs.</summary>
    public bool IsOutput(string value) => _outputs.Contains(value);

    /// <summary>The values a node uses, each once: its inputs, then what its subgraphs use from outside.</summary>
    public IReadOnlyList<string> Inputs(NodeProto node) => _inputs.TryGetValue(node, out var inputs) ? inputs : [];

    /// <summary>
    /// The nodes in an order in which every value is produced before it is used. The graph's own order is kept as far as that
    /// allows.
    /// </summary>
    /// <exception cref="OnnxFormatException">Nodes depend on each other in a circle, or a value comes from nowhere.</exception>
    public IReadOnlyList<NodeProto> TopologicalOrder()
    {
        var positions = new Dictionary<NodeProto, int>(ReferenceEqualityComparer.Instance);
        for (var i = 0; i < _nodes.Count; i++)
        {
            positions[_nodes[i]] = i;
        }

        var waiting = new int[_nodes.Count];
        var ready = new PriorityQueue<int, int>();
        for (var i = 0; i < _nodes.Count; i++)
        {
            waiting[i] = _inputs[_nodes[i]].Count(value => IsProduced(value, _nodes[i]));
            if (waiting[i] == 0)
            {
                ready.Enqueue(i, i);
            }
        }

        var order = new List<NodeProto>(_nodes.Count);
        while (ready.TryDequeue(out var next, out _))
        {
            var node = _nodes[next];
            order.Add(node);
            foreach (var consumer in node.Output.Where(output => output.Length > 0).SelectMany(Consumers))
            {
                var position = positions[consumer];
                if (--waiting[position] == 0)
                {
                    ready.Enqueue(position, position);
                }
            }
        }

        return order.Count == _nodes.Count ? order : throw Cycle(order);
    }

    private void AddNode(NodeProto node)
    {
        foreach (var output in node.Output)
        {
            if (output.Length == 0)
            {
                continue;
            }

            if (_sources.Contains(output))
            {
                throw new OnnxFormatException($"Node {node.Describe()} produces '{output}', which is a graph input or initializer already; rename one of them.");
            }

            if (!_producers.TryAdd(output, node))
            {
                throw new OnnxFormatException($"Value '{output}' is produced by two nodes, {_producers[output].Describe()} and {node.Describe()}; rename one of them.");
            }
        }

        List<string> inputs = [.. node.Input.Where(input => input.Length > 0).Concat(SubgraphScope.Captures(node)).Distinct(StringComparer.Ordinal)];
        _inputs[node] = inputs;
        foreach (var input in inputs)
        {
            if (!_consumers.TryGetValue(input, out var consumers))
            {
                _consumers[input] = consumers = [];
            }

            consumers.Add(node);
        }
    }

    private bool IsProduced(string value, NodeProto user)
    {
        if (_producers.ContainsKey(value))
        {
            return true;
        }

        return _sources.Contains(value)
            ? false
            : throw new OnnxFormatException($"Node {user.Describe()} uses value '{value}', which no node, input or initializer provides; export the model again.");
    }

    private OnnxFormatException Cycle(List<NodeProto> ordered)
    {
        var done = new HashSet<NodeProto>(ordered, ReferenceEqualityComparer.Instance);
        var path = new List<NodeProto>();
        var node = _nodes.Find(candidate => !done.Contains(candidate))!;
        while (!path.Contains(node))
        {
            path.Add(node);
            // Every node that is left waits for another that is left, so this walk comes back to itself.
            node = _inputs[node].Select(Producer).First(producer => producer is not null && !done.Contains(producer))!;
        }

        var circle = path.Skip(path.IndexOf(node)).Reverse().Take(8).Select(NodeProtoExtensions.Describe);
        return new OnnxFormatException($"The graph has a cycle through {string.Join(" -> ", circle)}; a value must not depend on itself.");
    }
}
