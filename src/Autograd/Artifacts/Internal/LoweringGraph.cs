using System.Globalization;
using OrtZero.Onnx;
using OrtZero.Onnx.Protobuf;

namespace OrtZero.Autograd.Internal;

/// <summary>
/// Writes standard operators in the place of a training operator. Nothing is known of shapes here, so whatever depends on them is
/// computed in the graph.
/// </summary>
internal sealed class LoweringGraph(GraphProto graph, long opset)
{
    private readonly NameAllocator _names = new(graph);
    private readonly Dictionary<string, string> _constants = new(StringComparer.Ordinal);
    private readonly Dictionary<string, NodeProto> _producers = graph.Node
        .SelectMany(node => node.Output.Where(output => output.Length > 0).Select(output => (output, node)))
        .DistinctBy(pair => pair.output, StringComparer.Ordinal)
        .ToDictionary(pair => pair.output, pair => pair.node, StringComparer.Ordinal);

    private string _scope = "";

    /// <summary>The nodes of the artifact as they came.</summary>
    public IReadOnlyList<NodeProto> Forward { get; } = [.. graph.Node];

    /// <summary>The nodes written so far.</summary>
    public List<NodeProto> Nodes { get; } = [];

    /// <summary>The operator set that what is written needs.</summary>
    public long Opset { get; private set; } = opset;

    /// <summary>Names what is written next after the node it stands for.</summary>
    public void Enter(NodeProto node) => _scope = node.Name.Length > 0 ? node.Name : node.Output.First(output => output.Length > 0);

    /// <summary>The node of the artifact that gives a value; null for inputs and initializers.</summary>
    public NodeProto? Producer(string value) => _producers.GetValueOrDefault(value);

    /// <summary>Raises the operator set to one in which an operator does what is needed.</summary>
    public void Need(long version) => Opset = Math.Max(Opset, version);

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
            graph.Initializer.Add(tensor);
            _constants[key] = name;
        }

        return name;
    }
}
