using System.Globalization;
using Google.Protobuf;
using OrtZero.Kernels;
using OrtZero.Onnx;
using OrtZero.Onnx.Protobuf;

namespace OrtZero.Autograd.Internal;

/// <summary>
/// Writes nodes into a graph and knows the type and shape of what they give. A node that was written before with the same inputs and
/// attributes is used again, so rules need not share common parts themselves. The operators are in the other parts of this class.
/// </summary>
internal sealed partial class GraphEmitter
{
    private readonly GraphProto _graph;
    private readonly ValueTable _values;
    private readonly GradientOptions _options;
    private readonly Dictionary<string, NodeProto> _producers = new(StringComparer.Ordinal);
    private readonly Dictionary<ByteString, NodeProto> _written = [];
    private readonly Dictionary<ByteString, Value> _constants = [];
    private readonly HashSet<string> _centered = new(StringComparer.Ordinal);
    private readonly Dictionary<string, Value> _rowsBack = new(StringComparer.Ordinal);
    private readonly HashSet<string> _names;
    private readonly Dictionary<string, int> _counters;
    private readonly GraphEmitter? _outer;
    private long _opset;

    public GraphEmitter(GraphProto graph, ValueTable values, long opset, GradientOptions options)
        : this(graph, values, options, null)
    {
        _opset = opset;
    }

    private GraphEmitter(GraphProto graph, ValueTable values, GradientOptions options, GraphEmitter? outer)
    {
        _graph = graph;
        _values = values;
        _options = options;
        _outer = outer;
        _names = outer?._names ?? new(StringComparer.Ordinal);
        _counters = outer?._counters ?? new(StringComparer.Ordinal);
        foreach (var node in graph.Node)
        {
            Register(node);
            _names.Add(node.Name);
        }

        _names.UnionWith(graph.Input.Select(input => input.Name));
        _names.UnionWith(graph.Output.Select(output => output.Name));
        _names.UnionWith(graph.Initializer.Select(tensor => tensor.Name));
    }

    /// <summary>The version of the default operator set that the written nodes need; grows when a newer form is written.</summary>
    public long Opset
    {
        get => _outer?.Opset ?? _opset;
        private set
        {
            if (_outer is null)
            {
                _opset = value;
            }
            else
            {
                _outer.Opset = value;
            }
        }
    }

    /// <summary>Whether fused operators are wanted.</summary>
    public bool IsFused => _options.FusedKernels;

    /// <summary>What the names of written nodes and values begin with, so that a profile shows where they belong.</summary>
    public string Scope { get; set; } = "";

    /// <summary>Whose kernels to keep to.</summary>
    public OperatorTarget Target => _options.FusedKernels ? OperatorTarget.Any : _options.Target;

    /// <summary>Whether a fused operator may be written for values of this type.</summary>
    public bool CanFuse(string operatorName, TensorElementType type) =>
        _options.FusedKernels && type == TensorElementType.Float && KernelLibrary.Contains(operatorName);

    /// <summary>An emitter for a subgraph: its names are free in all graphs, and it sees the values of this one.</summary>
    /// <param name="graph">The subgraph.</param>
    /// <param name="values">Its values, with this emitter's behind them.</param>
    public GraphEmitter Inner(GraphProto graph, ValueTable values) => new(graph, values, _options, this);

    /// <summary>What is known of the inside of a branch, or null when it was not looked at.</summary>
    public BranchValues? Branch(NodeProto node, string name) => _values.Branch(node, name);

    /// <summary>An empty table for a subgraph, behind which this graph's values are seen.</summary>
    public ValueTable InnerValues() => new(_values);

    /// <summary>The node that gives a value; <c>null</c> for graph inputs and initializers.</summary>
    public NodeProto? Producer(string value) => _producers.GetValueOrDefault(value);

    /// <summary>A value of the graph as it stands, by name.</summary>
    public Value Find(string name) => _values[name];

    /// <summary>A value of the graph as it stands, if its type and shape are known.</summary>
    public bool TryFind(string name, [System.Diagnostics.CodeAnalysis.NotNullWhen(true)] out Value? value) => _values.TryGet(name, out value);

    /// <summary>The value if it is known to be the same in every run, else <c>null</c>.</summary>
    public TensorProto? Constant(string name) => _values.Constant(name);

    /// <summary>Adds an output to a node that was written or imported before, e.g. the statistics of a LayerNormalization.</summary>
    public Value AddOutput(NodeProto node, int index, TensorElementType type, long[] shape)
    {
        while (node.Output.Count <= index)
        {
            node.Output.Add("");
        }

        if (node.Output[index].Length == 0)
        {
            node.Output[index] = UniqueName($"{node.Output[0]}/output_{index}");
            _producers[node.Output[index]] = node;
        }

        var value = new Value(node.Output[index], type, shape);
        _values.Add(value);
        return value;
    }

    /// <summary>Gives a written value a name that nodes of the model read.</summary>
    public void Name(Value value, string name)
    {
        var node = new NodeProto { OpType = "Identity", Name = UniqueName($"{Scope}/Identity"), Input = { value.Name }, Output = { name } };
        _graph.Node.Add(node);
        Register(node);
        _values.Add(value with { Name = name });
    }

    /// <summary>What is written from now on is written anew, though an equal node is there: it may stand behind those to come.</summary>
    public void ForgetWritten() => _written.Clear();

    /// <summary>
    /// Says that a value sums to exactly 0 over all axes but axis 1, which rounding would hide: the gradient of a bias in front of a batch
    /// normalization is nothing but noise, and an optimizer that divides by its size would make steps of it.
    /// </summary>
    public void MarkCentered(Value value) => _centered.Add(value.Name);

    /// <summary>
    /// Says that indices name rows of which each but the first is read once, and that the gradient of the first is 0: the gradient of what
    /// they are read from is then a Gather by <paramref name="back"/>, which names for each row the place it was read to, 0 for none.
    /// </summary>
    public void MarkRows(Value indices, Value back) => _rowsBack[indices.Name] = back;

    /// <summary>What <see cref="MarkRows"/> said of indices, else <c>null</c>.</summary>
    public Value? RowsBack(Value indices) => _rowsBack.GetValueOrDefault(indices.Name);

    /// <summary>Adds a graph input.</summary>
    public Value AddInput(string name, TensorElementType type, long[] shape)
    {
        var value = new Value(name, type, shape);
        _values.Add(value);
        _names.Add(name);
        return value;
    }

    /// <summary>Writes one node with one output.</summary>
    public Value Node(
        string operatorName,
        ReadOnlySpan<Value> inputs,
        TensorElementType type,
        long[] shape,
        Action<NodeProto>? attributes = null,
        string domain = "",
        long minimumOpset = 0)
    {
        Opset = Math.Max(Opset, minimumOpset);
        return Nodes(operatorName, inputs, [(type, shape)], attributes, domain)[0];
    }

    /// <summary>Writes one node.</summary>
    public Value[] Nodes(
        string operatorName,
        ReadOnlySpan<Value> inputs,
        ReadOnlySpan<(TensorElementType Type, long[] Shape)> outputs,
        Action<NodeProto>? attributes = null,
        string domain = "")
    {
        var node = new NodeProto { OpType = operatorName, Domain = domain };
        foreach (var input in inputs)
        {
            node.Input.Add(input.Name);
        }

        attributes?.Invoke(node);
        var key = node.ToByteString();
        if (!_written.TryGetValue(key, out var known) || known.Output.Count < outputs.Length)
        {
            node.Name = UniqueName($"{Scope}/{operatorName}");
            for (var i = 0; i < outputs.Length; i++)
            {
                node.Output.Add(UniqueName(i == 0 ? $"{node.Name}_output" : $"{node.Name}_output_{i}"));
                _values.Add(new Value(node.Output[i], outputs[i].Type, outputs[i].Shape));
            }

            _graph.Node.Add(node);
            Register(node);
            _written[key] = known = node;
        }

        var results = new Value[outputs.Length];
        for (var i = 0; i < results.Length; i++)
        {
            results[i] = new Value(known.Output[i], outputs[i].Type, outputs[i].Shape);
        }

        return results;
    }

    /// <summary>A constant tensor; equal ones are stored once.</summary>
    public Value Tensor(TensorElementType type, long[] shape, byte[] data)
    {
        var tensor = TensorFactory.Raw("", type, shape, data);
        var key = tensor.ToByteString();
        if (!_constants.TryGetValue(key, out var value))
        {
            tensor.Name = UniqueName("constant");
            _graph.Initializer.Add(tensor);
            value = new Value(tensor.Name, type, shape);
            _values.Add(value);
            _values.SetConstant(tensor.Name, tensor);
            _constants[key] = value;
        }

        return value;
    }

    private void Register(NodeProto node)
    {
        foreach (var output in node.Output)
        {
            if (output.Length > 0)
            {
                _producers[output] = node;
                _names.Add(output);
            }
        }
    }

    /// <summary>The wanted name, or a free one that begins with it.</summary>
    public string UniqueName(string wanted)
    {
        var name = wanted;
        while (!_names.Add(name))
        {
            var number = _counters[wanted] = _counters.GetValueOrDefault(wanted) + 1;
            name = string.Create(CultureInfo.InvariantCulture, $"{wanted}_{number}");
        }

        return name;
    }
}
