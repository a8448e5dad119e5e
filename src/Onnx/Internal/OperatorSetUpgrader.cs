using OrtZero.Onnx.Protobuf;

namespace OrtZero.Onnx.Internal;

/// <summary>
/// Rewrites the nodes of one graph, and of the graphs inside it, from an older operator set to 13. The changes are those of the operator
/// changelog (docs/Changelog.md of the ONNX specification).
/// </summary>
internal sealed class OperatorSetUpgrader
{
    private readonly GraphProto _graph;
    private readonly long _version;
    private readonly NameAllocator _names;
    private readonly Dictionary<string, (TensorElementType Type, int Rank)> _known;
    private readonly List<NodeProto> _nodes = [];

    public OperatorSetUpgrader(GraphProto graph, long version, NameAllocator names, IReadOnlyDictionary<string, (TensorElementType Type, int Rank)> outer)
    {
        _graph = graph;
        _version = version;
        _names = names;
        _known = new(outer, StringComparer.Ordinal);
        foreach (var info in graph.Input.Concat(graph.Output).Concat(graph.ValueInfo))
        {
            if (info.Shape() is { } shape)
            {
                _known[info.Name] = (info.ElementType(), shape.Length);
            }
        }

        foreach (var tensor in graph.Initializer)
        {
            _known[tensor.Name] = (tensor.ElementType(), tensor.Dims.Count);
        }
    }

    public void Run()
    {
        foreach (var node in _graph.Node)
        {
            if (node.Domain is "" or "ai.onnx")
            {
                Rewrite(node);
            }
            else
            {
                _nodes.Add(node);
            }

            foreach (var inner in TensorWalker.Subgraphs(node))
            {
                new OperatorSetUpgrader(inner, _version, _names, _known).Run();
            }
        }

        _graph.Node.Clear();
        _graph.Node.AddRange(_nodes);
    }

    private void Rewrite(NodeProto node)
    {
        if (_version < 6)
        {
            node.RemoveAttribute("consumed_inputs");
        }

        switch (node.OpType)
        {
            case "Add" or "Sub" or "Mul" or "Div" or "Pow" or "And" or "Or" or "Xor" or "Greater" or "Less" or "Equal" when _version < 7:
                BroadcastFrom(node);
                break;
            case "BatchNormalization":
                NormalizeBatch(node);
                break;
            case "Dropout":
                // Before 12 the ratio was an attribute and, before 7, another said when it does nothing; in a forward model it does nothing.
                Append(node, 1, BoundOf(node, "ratio"));
                node.RemoveAttribute("is_test");
                break;
            case "Clip" when _version < 11:
                Append(node, 1, BoundOf(node, "min"));
                Append(node, 2, BoundOf(node, "max"));
                break;
            case "Slice" when _version < 10:
                Append(node, 1, Integers(node, "starts"));
                Append(node, 2, Integers(node, "ends"));
                Append(node, 3, Integers(node, "axes"));
                break;
            case "Pad" when _version < 11:
                Append(node, 1, Integers(node, _version < 2 ? "paddings" : "pads"));
                Append(node, 2, BoundOf(node, "value"));
                break;
            case "TopK" when _version < 10:
                Append(node, 1, Integers(node, "k"));
                break;
            case "Reshape" when _version < 5:
                Append(node, 1, Integers(node, "shape"));
                break;
            case "Squeeze" or "Unsqueeze" or "ReduceSum":
                Append(node, 1, Integers(node, "axes"));
                break;
            case "Split":
                Append(node, 1, Integers(node, "split"));
                break;
            case "Scatter" when _version < 11:
                node.OpType = "ScatterElements";
                break;
            case "Upsample" or "Resize" when _version < 11:
                Resize(node);
                break;
            case "Cast" when _version < 6:
                CastByNumber(node);
                break;
            case "Concat" when _version < 4 && node.FindAttribute("axis") is null:
                node.SetInt("axis", 1);
                break;
            case "Gemm" when _version < 7:
                node.RemoveAttribute("broadcast");
                break;
            case "PRelu" when _version < 7:
                SlopePerChannel(node);
                break;
            case "LSTM" or "GRU" or "RNN" when _version < 7:
                node.RemoveAttribute("output_sequence");
                break;
            case "Softmax" or "LogSoftmax" or "Hardmax":
                FlattenAround(node);
                return;
            case "Scan" when _version < 9:
            case "Tile" when _version < 6:
                throw new OnnxFormatException(
                    $"Node {node.Describe()} of operator set {_version} works in a way that no later one has; export the model with operator set {OperatorSetUpgrade.Target} or later.");
            default:
                break;
        }

        _nodes.Add(node);
    }

    /// <summary>Before 7 the second operand lay at an axis of the first, rather than at its end.</summary>
    private void BroadcastFrom(NodeProto node)
    {
        var axis = node.GetInt("axis", long.MinValue);
        var isBroadcast = node.GetInt("broadcast", 0) != 0;
        node.RemoveAttribute("axis").RemoveAttribute("broadcast");
        if (!isBroadcast || axis == long.MinValue)
        {
            return;
        }

        var (rank, other) = (RankOf(node, 0), RankOf(node, 1));
        var behind = rank - (int)(axis < 0 ? axis + rank : axis) - other;
        Unsqueeze(node, 1, [.. Enumerable.Range(other, Math.Max(0, behind)).Select(item => (long)item)]);
    }

    /// <summary>Before 7 a slope per channel had one axis; since then it is broadcast from the end.</summary>
    private void SlopePerChannel(NodeProto node)
    {
        if (RankOf(node, 1) == 1 && RankOf(node, 0) is > 2 and var rank)
        {
            Unsqueeze(node, 1, [.. Enumerable.Range(1, rank - 2).Select(item => (long)item)]);
        }
    }

    private void NormalizeBatch(NodeProto node)
    {
        if (_version < 9 && node.GetInt("spatial", 1) == 0)
        {
            throw new OnnxFormatException($"Node {node.Describe()} normalizes every element on its own (spatial 0), which no operator set since 9 has; export the model again.");
        }

        node.RemoveAttribute("spatial").RemoveAttribute("is_test");
    }

    /// <summary>Before 13 these worked on the input as a matrix: all axes from the given one on together.</summary>
    private void FlattenAround(NodeProto node)
    {
        var axis = node.GetInt("axis", 1);
        node.SetInt("axis", -1);
        _nodes.Add(node);
        if (axis == -1 || (_known.TryGetValue(node.Input[0], out var known) && axis == known.Rank - 1))
        {
            return;
        }

        var (input, output) = (node.Input[0], node.Output[0]);
        var shape = _names.Unique($"{output}_shape");
        var flat = _names.Unique($"{output}_input");
        var result = _names.Unique($"{output}_flat");
        node.Input[0] = flat;
        node.Output[0] = result;
        _nodes.Insert(_nodes.Count - 1, NodeFactory.Create("Shape", [input], [shape], _names.Unique($"{node.Name}_shape")));
        _nodes.Insert(_nodes.Count - 1, NodeFactory.Create("Flatten", [input], [flat], _names.Unique($"{node.Name}_flatten")).SetInt("axis", axis));
        _nodes.Add(NodeFactory.Create("Reshape", [result, shape], [output], _names.Unique($"{node.Name}_reshape")));
    }

    /// <summary>Up to 10 these took the nearest element below, when they shrink the one above, and corners lay on corners.</summary>
    private void Resize(NodeProto node)
    {
        var scales = node.GetFloats("scales");
        var shrinks = scales is not null ? scales.Any(scale => scale < 1)
            : node.Input.Count > 1 && _graph.Initializer.FirstOrDefault(tensor => tensor.Name == node.Input[1]) is { } stored && stored.ToSingles().Any(scale => scale < 1);
        var name = scales is not null ? Store(node, TensorFactory.FromSingles("scales", [scales.Length], scales))
            : node.Input.Count > 1 ? node.Input[1]
            : throw new OnnxFormatException($"Node {node.Describe()} says no scales; export the model with operator set {OperatorSetUpgrade.Target} or later.");
        var input = node.Input[0];
        node.OpType = "Resize";
        node.Input.Clear();
        node.Input.AddRange([input, "", name]);
        node.RemoveAttribute("scales").SetString("coordinate_transformation_mode", "asymmetric");
        if (node.GetString("mode", "nearest") == "nearest")
        {
            node.SetString("nearest_mode", shrinks ? "ceil" : "floor");
        }
        else
        {
            node.SetString("mode", "linear");
        }
    }

    private static void CastByNumber(NodeProto node)
    {
        if (node.FindAttribute("to") is { } to && to.HasS)
        {
            var name = to.S.ToStringUtf8();
            node.SetInt("to", Enum.TryParse<TensorElementType>(name, ignoreCase: true, out var type)
                ? (long)type
                : throw new OnnxFormatException($"Node {node.Describe()} casts to '{name}', which is no element type of ONNX; export the model again."));
        }
    }

    private void Unsqueeze(NodeProto node, int input, long[] axes)
    {
        if (axes.Length == 0)
        {
            return;
        }

        var name = _names.Unique($"{node.Input[input]}_unsqueezed");
        _nodes.Add(NodeFactory.Create("Unsqueeze", [node.Input[input], Store(node, TensorFactory.Vector("axes", axes))], [name], name));
        node.Input[input] = name;
    }

    private static void Append(NodeProto node, int position, string name)
    {
        if (node.Input.Count > position || name.Length == 0)
        {
            return;
        }

        while (node.Input.Count < position)
        {
            node.Input.Add("");
        }

        node.Input.Add(name);
    }

    /// <summary>The name of an initializer with what an attribute said, which goes; "" if it said nothing.</summary>
    private string Integers(NodeProto node, string attribute)
    {
        var values = node.FindAttribute(attribute) is { Ints.Count: 0, HasI: true } ? [node.GetInt(attribute, 0)] : node.GetInts(attribute);
        node.RemoveAttribute(attribute);
        return values is null ? "" : Store(node, TensorFactory.Vector(attribute, values));
    }

    private string BoundOf(NodeProto node, string attribute)
    {
        if (node.FindAttribute(attribute) is null)
        {
            return "";
        }

        var value = node.GetFloat(attribute, 0);
        node.RemoveAttribute(attribute);
        var type = _known.TryGetValue(node.Input[0], out var known) ? known.Type : TensorElementType.Float;
        return Store(node, type switch
        {
            TensorElementType.Double => TensorFactory.Raw(attribute, type, [], BitConverter.GetBytes((double)value)),
            TensorElementType.Float16 => TensorFactory.Raw(attribute, type, [], BitConverter.GetBytes((Half)value)),
            _ => TensorFactory.Scalar(attribute, value),
        });
    }

    private string Store(NodeProto node, TensorProto tensor)
    {
        tensor.Name = _names.Unique($"{(node.Name.Length > 0 ? node.Name : node.OutputOrEmpty(0))}_{tensor.Name}");
        _graph.Initializer.Add(tensor);
        return tensor.Name;
    }

    private int RankOf(NodeProto node, int input) => _known.TryGetValue(node.InputOrEmpty(input), out var known)
        ? known.Rank
        : throw new OnnxFormatException(
            $"Node {node.Describe()} of operator set {_version} places its second input by the number of axes of the first, which the model does not say; export it with operator set {OperatorSetUpgrade.Target} or later.");
}
