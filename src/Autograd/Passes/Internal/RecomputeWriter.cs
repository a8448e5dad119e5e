using OrtZero.Kernels;
using OrtZero.Onnx;
using OrtZero.Onnx.Protobuf;

namespace OrtZero.Autograd.Internal;

/// <summary>
/// Writes a training graph in which the backward pass reads chosen values of the forward pass from nodes of its own. These stand right
/// before the first node that reads them, and everything they read that was there before goes through a gate: a view that waits for the
/// gradient computed last before that place.
/// </summary>
internal sealed class RecomputeWriter
{
    private static readonly string[] s_steps = ["flat", "element", "bool", "false", "offset"];

    private readonly ActivationGraph _graph;
    private readonly RecomputeChoice _choice;
    private readonly bool _isFused;
    private readonly NameAllocator _names;
    private readonly HashSet<string> _gradients;
    private readonly List<NodeProto> _nodes;
    private readonly List<TensorProto> _constants = [];
    private readonly Dictionary<string, Value> _described = new(StringComparer.Ordinal);
    private readonly Dictionary<string, (string Name, int Place)> _clones = new(StringComparer.Ordinal);
    private readonly Dictionary<(string Value, string Token), string> _gates = [];
    private readonly Dictionary<string, string> _constantNames = new(StringComparer.Ordinal);
    private readonly Dictionary<string, string> _offsets = new(StringComparer.Ordinal);
    private string _token;
    private int _place;

    public RecomputeWriter(ActivationGraph graph, RecomputeChoice choice, bool isFused)
    {
        _graph = graph;
        _choice = choice;
        _isFused = isFused;
        _names = new NameAllocator(graph.Graph.Model.Graph);
        _gradients = [.. graph.Graph.GradientValues, .. graph.Graph.Parameters.Select(parameter => parameter.GradientName)];
        _nodes = [.. graph.Nodes.Take(graph.Start)];

        // Nothing is computed again before the forward pass is done.
        _token = graph.Graph.LossName;
    }

    public RecomputeWriter Write()
    {
        for (_place = _graph.Start; _place < _graph.Nodes.Length; _place++)
        {
            var node = _graph.Nodes[_place];
            if (node.Input.Any(_choice.Values.Contains))
            {
                node = node.Clone();
                for (var i = 0; i < node.Input.Count; i++)
                {
                    node.Input[i] = _choice.Values.Contains(node.Input[i]) ? Recomputed(node.Input[i]).Name : node.Input[i];
                }
            }

            _nodes.Add(node);
            _token = node.Output.LastOrDefault(_gradients.Contains) ?? _token;
        }

        return this;
    }

    public IReadOnlyList<NodeProto> Nodes => _nodes;

    public IReadOnlyList<TensorProto> Constants => _constants;

    /// <summary>What was written, with types and shapes.</summary>
    public IEnumerable<Value> Described => _described.Values;

    public long? SizeOf(string name) => _described.TryGetValue(name, out var value) ? ActivationGraph.Bytes(value) : null;

    /// <summary>A table that knows what was written too.</summary>
    public ValueTable Table(ValueTable values)
    {
        var table = new ValueTable();
        foreach (var value in values.Values.Concat(_described.Values))
        {
            table.Add(value);
            if (values.Constant(value.Name) is { } constant)
            {
                table.SetConstant(value.Name, constant);
            }
        }

        return table;
    }

    private (string Name, int Place) Recomputed(string value)
    {
        if (!_clones.TryGetValue(value, out var clone))
        {
            _graph.TryProducer(value, out var producer);
            Clone(producer);
            clone = _clones[value];
        }

        return clone;
    }

    private void Clone(int index)
    {
        var node = _graph.Nodes[index].Clone();
        var waits = false;
        for (var i = 0; i < node.Input.Count; i++)
        {
            var input = node.Input[i];
            if (input.Length == 0 || _graph.IsConstant(input))
            {
                continue;
            }

            if (_graph.TryProducer(input, out var producer) && _graph.CanClone(producer) && !_choice.IsKept(input))
            {
                var (name, place) = Recomputed(input);
                node.Input[i] = place == _place ? name : Gate(name, _described[name]);
                waits = true;
            }
            else if (_graph.IsFromData(input))
            {
                node.Input[i] = Gate(input, _graph.Values[input]);
                waits = true;
            }
        }

        if (!waits)
        {
            var first = Enumerable.Range(0, node.Input.Count).First(i => node.Input[i].Length > 0 && !_graph.IsConstant(node.Input[i]));
            node.Input[first] = Gate(node.Input[first], _graph.Values[node.Input[first]]);
        }

        node.Name = _names.Unique($"{NodeContext.NameOf(node)}/recomputed");
        for (var i = 0; i < node.Output.Count; i++)
        {
            var output = node.Output[i];
            if (output.Length > 0)
            {
                node.Output[i] = _names.Unique($"{output}/recomputed");
                Describe(_graph.Values[output] with { Name = node.Output[i] });
                _clones[output] = (node.Output[i], _place);
            }
        }

        _nodes.Add(node);
    }

    /// <summary>The value, available only after the token.</summary>
    private string Gate(string value, Value description)
    {
        if (_gates.TryGetValue((value, _token), out var known))
        {
            return known;
        }

        var gated = _names.Unique($"{value}/after");
        var shape = _names.Unique($"{gated}/shape");
        var length = description.Shape.Length;
        if (_isFused)
        {
            var node = NodeFactory.Create("ShapeAfter", [_token], [shape], shape, KernelLibrary.Domain).SetInt("rank", length);
            _nodes.Add(length > 0 ? node.SetInts("shape", description.Shape) : node);
            Describe(new Value(shape, TensorElementType.Int64, [length]));
        }
        else
        {
            AddShapeAfter(shape, description.Shape);
        }

        var reshape = NodeFactory.Create("Reshape", [value, shape], [gated], gated);
        _nodes.Add(reshape);
        Describe(description with { Name = gated });
        _gates[(value, _token)] = gated;
        return gated;
    }

    /// <summary>The shape, computed by standard operators from an element of the token that makes no difference.</summary>
    private void AddShapeAfter(string name, long[] shape)
    {
        if (!_offsets.TryGetValue(_token, out var offset))
        {
            var steps = Array.ConvertAll(s_steps, step => _names.Unique($"{_token}/{step}"));
            _nodes.AddRange(
                NodeFactory.Create("Reshape", [_token, Constant(-1)], [steps[0]], steps[0]),
                NodeFactory.Create("Slice", [steps[0], Constant(0), Constant(1)], [steps[1]], steps[1]),
                NodeFactory.Create("Cast", [steps[1]], [steps[2]], steps[2]).SetInt("to", (int)TensorElementType.Bool),
                NodeFactory.Create("And", [steps[2], False()], [steps[3]], steps[3]),
                NodeFactory.Create("Cast", [steps[3]], [steps[4]], steps[4]).SetInt("to", (int)TensorElementType.Int64));
            _offsets[_token] = offset = steps[4];
        }

        _nodes.Add(NodeFactory.Create("Add", [offset, Constant(shape)], [name], name));
    }

    private string False() => Constant("recompute/false", name => TensorFactory.Raw(name, TensorElementType.Bool, [1], [0]));

    private string Constant(params long[] numbers) =>
        Constant($"recompute/{string.Join('x', numbers)}", name => TensorFactory.Vector(name, numbers));

    private string Constant(string wanted, Func<string, TensorProto> make)
    {
        if (!_constantNames.TryGetValue(wanted, out var name))
        {
            _constantNames[wanted] = name = _names.Unique(wanted);
            _constants.Add(make(name));
        }

        return name;
    }

    private void Describe(Value value) => _described[value.Name] = value;
}
