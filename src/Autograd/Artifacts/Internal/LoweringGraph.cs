using System.Globalization;
using OrtZero.Onnx;
using OrtZero.Onnx.Protobuf;

namespace OrtZero.Autograd.Internal;

/// <summary>
/// Writes standard operators in the place of a training operator. Nothing is known of shapes here, so whatever depends on them is
/// computed in the graph.
/// </summary>
internal sealed class LoweringGraph
{
    private readonly GraphProto _graph;
    private readonly NameAllocator _names;
    private readonly Dictionary<string, string> _constants;
    private readonly Dictionary<string, NodeProto> _producers;
    private readonly LoweringGraph? _outer;

    private long _opset;
    private string _scope = "";

    public LoweringGraph(GraphProto graph, long opset)
    {
        (_graph, _opset) = (graph, opset);
        _names = new NameAllocator(graph);
        _constants = new Dictionary<string, string>(StringComparer.Ordinal);
        _producers = graph.Node
            .SelectMany(node => node.Output.Where(output => output.Length > 0).Select(output => (output, node)))
            .DistinctBy(pair => pair.output, StringComparer.Ordinal)
            .ToDictionary(pair => pair.output, pair => pair.node, StringComparer.Ordinal);
        Forward = [.. graph.Node];
    }

    // Names inside a node differ from all around it, whose constants and other values it sees.
    private LoweringGraph(LoweringGraph outer)
    {
        (_graph, _names, _constants, _producers, _outer, _scope) = (outer._graph, outer._names, outer._constants, outer._producers, outer, $"{outer._scope}/step");
        Forward = outer.Forward;
    }

    /// <summary>The nodes of the artifact as they came.</summary>
    public IReadOnlyList<NodeProto> Forward { get; }

    /// <summary>The nodes written so far.</summary>
    public List<NodeProto> Nodes { get; } = [];

    /// <summary>The operator set that what is written needs.</summary>
    public long Opset => _outer?.Opset ?? _opset;

    /// <summary>Names what is written next after the node it stands for.</summary>
    public void Enter(NodeProto node) => _scope = node.Name.Length > 0 ? node.Name : node.Output.First(output => output.Length > 0);

    /// <summary>The node of the artifact that gives a value; null for inputs and initializers.</summary>
    public NodeProto? Producer(string value) => _producers.GetValueOrDefault(value);

    /// <summary>Raises the operator set to one in which an operator does what is needed.</summary>
    public void Need(long version)
    {
        _outer?.Need(version);
        _opset = Math.Max(_opset, version);
    }

    /// <summary>Writes one node and returns its output.</summary>
    public string Op(string operatorName, params ReadOnlySpan<string> inputs) => Op(operatorName, inputs, attributes: null);

    /// <summary>Writes one node with attributes and returns its output.</summary>
    public string Op(string operatorName, ReadOnlySpan<string> inputs, Action<NodeProto>? attributes, string? output = null)
    {
        output ??= _names.Unique($"{_scope}/{operatorName}_output");
        var node = NodeFactory.Create(operatorName, inputs, [output], _names.Unique($"{_scope}/{operatorName}"));
        attributes?.Invoke(node);
        Nodes.Add(node);
        return output;
    }

    /// <summary>Gives a written value the name under which the artifact uses it; "" is not used.</summary>
    public void Set(string output, string value)
    {
        if (output.Length > 0)
        {
            Op("Identity", [value], null, output);
        }
    }

    public string Add(string left, string right) => Op("Add", left, right);

    public string Sub(string left, string right) => Op("Sub", left, right);

    public string Mul(string left, string right) => Op("Mul", left, right);

    public string Mul(string left, float right) => Mul(left, Single(right));

    public string Div(string left, string right) => Op("Div", left, right);

    /// <summary>1 - x.</summary>
    public string Complement(string value) => Sub(Single(1), value);

    public string ReduceSum(string value, ReadOnlySpan<long> axes, bool keep = true) =>
        Op("ReduceSum", [value, Int64s(axes)], node => node.SetInt("keepdims", keep ? 1 : 0));

    public string ReduceMean(string value, params long[] axes) => Opset < 18
        ? Op("ReduceMean", [value], node => node.SetInts("axes", axes).SetInt("keepdims", 1))
        : Op("ReduceMean", [value, Int64s(axes)], node => node.SetInt("keepdims", 1));

    public string Reshape(string value, string shape) => Op("Reshape", value, shape);

    public string Reshape(string value, params ReadOnlySpan<long> shape) => Op("Reshape", value, Int64s(shape));

    public string Transpose(string value, params long[] order) => Op("Transpose", [value], node => node.SetInts("perm", order));

    public string Shape(string value) => Op("Shape", value);

    /// <summary>Elements of a vector from one position up to, and without, another.</summary>
    public string Part(string vector, long from, long to) => Op("Slice", vector, Int64s([from]), Int64s([to]));

    public string Concat(params ReadOnlySpan<string> vectors) => Op("Concat", vectors, node => node.SetInt("axis", 0));

    /// <summary>The product of a vector's elements, 1 if it has none, as a vector of one.</summary>
    public string Product(string vector) =>
        Reshape(Op("ReduceProd", [Concat(Int64s([1]), vector)], node => node.SetInt("keepdims", 0)), 1);

    public string Zeros(string shape) => Op("ConstantOfShape", shape);

    public string Cast(string value, TensorElementType type) => Op("Cast", [value], node => node.SetInt("to", (long)type));

    /// <summary>Adds updates into a tensor, however often a position comes.</summary>
    public string ScatterAdd(string target, string indices, string updates, long axis)
    {
        Need(16);
        return Op("ScatterElements", [target, indices, updates], node => node.SetInt("axis", axis).SetString("reduction", "add"));
    }

    /// <summary>Joins values along their last axis.</summary>
    public string Side(params ReadOnlySpan<string> values) => Op("Concat", values, node => node.SetInt("axis", -1));

    public string Squeeze(string value, long axis) => Op("Squeeze", value, Int64s([axis]));

    public string Unsqueeze(string value, long axis) => Op("Unsqueeze", value, Int64s([axis]));

    /// <summary>
    /// Runs a body once for every element of the first axis of <paramref name="sequences"/>, from the last on if reversed. The body gets
    /// the states and the elements and gives the next states and what is to be stacked. Returned are the last states, then the stacks in
    /// the order of the sequences.
    /// </summary>
    public string[] Scan(string[] states, string[] sequences, bool isReverse, Func<LoweringGraph, string[], string[], (string[] States, string[] Stacked)> body)
    {
        var inside = new LoweringGraph(this);
        var inputs = states.Concat(sequences).Select(_ => _names.Unique($"{inside._scope}/input")).ToArray();
        var (next, stacked) = body(inside, inputs[..states.Length], inputs[states.Length..]);
        var graph = new GraphProto { Name = $"{_scope}_step" };
        graph.Input.AddRange(inputs.Select(Describe));

        // An output of the body must be one of its nodes' and there once.
        graph.Output.AddRange(next.Concat(stacked).Select(value => Describe(inside.Op("Identity", value))));
        graph.Node.AddRange(inside.Nodes);
        var results = graph.Output.Select(_ => _names.Unique($"{_scope}/Scan_output")).ToArray();
        long Direction() => isReverse ? 1 : 0;
        var node = NodeFactory.Create("Scan", [.. states, .. sequences], results, _names.Unique($"{_scope}/Scan"))
            .SetInt("num_scan_inputs", sequences.Length)
            .SetInts("scan_input_directions", [.. sequences.Select(_ => Direction())])
            .SetInts("scan_output_directions", [.. stacked.Select(_ => Direction())]);
        node.Attribute.Add(new AttributeProto { Name = "body", Type = AttributeProto.Types.AttributeType.Graph, G = graph });
        Nodes.Add(node);
        return results;

        static ValueInfoProto Describe(string name) => new()
        {
            Name = name, Type = new TypeProto { TensorType = new TypeProto.Types.Tensor { ElemType = (int)TensorElementType.Float } },
        };
    }

    public string Single(float value) => Constant($"f{value:R}", () => TensorFactory.Scalar("", value));

    public string Int64s(ReadOnlySpan<long> values)
    {
        var copy = values.ToArray();
        return Constant($"i{string.Join(',', copy)}", () => TensorFactory.Vector("", copy));
    }

    private string Constant(string key, Func<TensorProto> create)
    {
        if (!_constants.TryGetValue(key, out var name))
        {
            var tensor = create();
            tensor.Name = name = _names.Unique(string.Create(CultureInfo.InvariantCulture, $"lowered_constant_{_constants.Count}"));
            _graph.Initializer.Add(tensor);
            _constants[key] = name;
        }

        return name;
    }
}
