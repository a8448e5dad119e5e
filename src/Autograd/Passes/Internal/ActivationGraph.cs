using OrtZero.Onnx;
using OrtZero.Onnx.Protobuf;

namespace OrtZero.Autograd.Internal;

/// <summary>A training graph as recomputation sees it: what the forward pass computes, and what of it the backward pass reads.</summary>
internal sealed class ActivationGraph
{
    private static readonly HashSet<string> s_views = new(["Reshape", "Squeeze", "Unsqueeze", "Flatten", "Identity"], StringComparer.Ordinal);

    // Their results are different every time.
    private static readonly HashSet<string> s_random = new(
        ["RandomNormal", "RandomUniform", "RandomNormalLike", "RandomUniformLike", "Bernoulli", "Multinomial", "Dropout"], StringComparer.Ordinal);

    private readonly Dictionary<string, int> _producers = new(StringComparer.Ordinal);
    private readonly Dictionary<string, string> _roots = new(StringComparer.Ordinal);
    private readonly Dictionary<string, long> _gradientSizes = new(StringComparer.Ordinal);
    private readonly HashSet<string> _constant = new(StringComparer.Ordinal);
    private readonly HashSet<string> _fromData = new(StringComparer.Ordinal);
    private readonly bool[] _canClone;

    public ActivationGraph(TrainingGraph graph)
    {
        Graph = graph;
        Nodes = [.. graph.Model.Graph.Node];
        Start = graph.ForwardNodes;
        Values = graph.Values!;
        _canClone = new bool[Start];
        var parameters = graph.Parameters.Select(parameter => parameter.Name).ToHashSet(StringComparer.Ordinal);
        _constant.UnionWith(graph.Model.Graph.Initializer.Select(tensor => tensor.Name));
        _fromData.UnionWith(graph.Model.Graph.Input.Select(input => input.Name).Where(name => !parameters.Contains(name)));
        foreach (var parameter in graph.Parameters)
        {
            _gradientSizes[parameter.GradientName] = Bytes(new Value(parameter.GradientName, parameter.Type, parameter.Shape));
        }

        for (var index = 0; index < Start; index++)
        {
            VisitForward(index);
        }

        var captured = Nodes.SelectMany(node => NodeInputs.Of(node).Except(node.Input)).ToHashSet(StringComparer.Ordinal);
        var outputs = graph.Model.Graph.Output.Select(output => output.Name).ToHashSet(StringComparer.Ordinal);
        Saved = [.. Nodes.Skip(Start).SelectMany(node => node.Input).Where(name => _producers.TryGetValue(name, out var producer) && _canClone[producer])
            .Distinct().Where(name => !captured.Contains(name) && !outputs.Contains(name))];
        SavedSet = Saved.ToHashSet(StringComparer.Ordinal);
        SavedRoots = Saved.Select(Root).ToHashSet(StringComparer.Ordinal);
    }

    public TrainingGraph Graph { get; }

    public NodeProto[] Nodes { get; }

    /// <summary>The index of the first node of the backward pass.</summary>
    public int Start { get; }

    public ValueTable Values { get; }

    /// <summary>What the backward pass reads of the forward pass and could compute again, in the order of reading.</summary>
    public IReadOnlyList<string> Saved { get; }

    /// <summary>The same, to ask.</summary>
    public HashSet<string> SavedSet { get; }

    /// <summary>The values whose memory is kept for what <see cref="Saved"/> names.</summary>
    public HashSet<string> SavedRoots { get; }

    /// <summary>The forward node that computes a value.</summary>
    public bool TryProducer(string value, out int node) => _producers.TryGetValue(value, out node);

    /// <summary>Whether computing a forward node again gives the same results, in known shapes.</summary>
    public bool CanClone(int node) => _canClone[node];

    /// <summary>Whether a value is the same in every run.</summary>
    public bool IsConstant(string value) => _constant.Contains(value);

    /// <summary>Whether a value depends on the inputs of the model, and not on parameters alone.</summary>
    public bool IsFromData(string value) => _fromData.Contains(value);

    /// <summary>The value whose memory this one is a view of, or itself.</summary>
    public string Root(string value) => _roots.GetValueOrDefault(value, value);

    /// <summary>The bytes of a value; the most it may take if its shape is only known in the run.</summary>
    public long SizeOf(string name) =>
        _gradientSizes.TryGetValue(name, out var bytes) ? bytes : Values.TryGet(name, out var value) ? Bytes(Bounded(value)) : 0;

    public static bool IsView(NodeProto node) => node.Domain is "" or "ai.onnx" && s_views.Contains(node.OpType);

    public static long Bytes(Value value)
    {
        var count = Shapes.Count(value.Shape);
        return count < 0 ? 0 : ((count * value.Type.SizeInBits()) + 7) / 8;
    }

    private Value Bounded(Value value) =>
        value with { Shape = Array.ConvertAll(value.Shape, length => length < 0 ? Graph.OpenAxisLimit : length) };

    private void VisitForward(int index)
    {
        var node = Nodes[index];
        var inputs = NodeInputs.Of(node).ToList();
        var isConstant = inputs.TrueForAll(_constant.Contains);
        var isFromData = inputs.Exists(_fromData.Contains);
        _canClone[index] = !isConstant && inputs.Count == node.Input.Count(input => input.Length > 0) && node.Attribute.All(attribute => attribute.G is null)
            && !s_random.Contains(node.OpType) && inputs.Concat(node.Output.Where(output => output.Length > 0)).All(HasStaticShape);
        foreach (var output in node.Output.Where(output => output.Length > 0))
        {
            _producers[output] = index;
            if (isConstant)
            {
                _constant.Add(output);
            }

            if (isFromData)
            {
                _fromData.Add(output);
            }

            if (IsView(node))
            {
                _roots[output] = Root(node.Input[0]);
            }
        }
    }

    private bool HasStaticShape(string value) => Values.TryGet(value, out var description) && Shapes.Count(description.Shape) >= 0;
}
