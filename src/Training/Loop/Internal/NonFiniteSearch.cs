using System.Globalization;
using OrtZero.Autograd;
using OrtZero.Kernels;
using OrtZero.Onnx;
using OrtZero.Onnx.Protobuf;
using OrtZero.Runtime;

namespace OrtZero.Training.Internal;

/// <summary>
/// Runs a micro-batch again, operator by operator as the training graph is written and with every value as an output, to find the node
/// from which a NaN or an infinity comes.
/// </summary>
/// <remarks>
/// Only what reaches the loss or a gradient through values that are not finite themselves counts: an attention mask of minus infinity ends
/// in a softmax and does no harm. Of those nodes the first in the order of execution whose inputs are all finite is the origin. Values are
/// outputs a part at a time, each part in a session of its own, so that the search takes little more memory than a run without fusions.
/// </remarks>
internal sealed class NonFiniteSearch
{
    private const long BytesAtATime = 256L << 20;

    private readonly OrtEnvironment _environment;
    private readonly TrainingGraph _graph;
    private readonly GraphIndex _index;
    private readonly IReadOnlyList<NodeProto> _order;
    private readonly Dictionary<string, OrtTensor> _inputs;
    private readonly HashSet<string> _constants = new(StringComparer.Ordinal);
    private readonly HashSet<string> _broken = new(StringComparer.Ordinal);
    private readonly Func<string, string> _describeInput;

    /// <param name="environment">Where to run.</param>
    /// <param name="graph">The training graph before any pass of the sharding engine.</param>
    /// <param name="inputs">A value for every input of it, or more.</param>
    /// <param name="describeInput">What an input is to the user.</param>
    internal NonFiniteSearch(OrtEnvironment environment, TrainingGraph graph, IReadOnlyDictionary<string, OrtTensor> inputs, Func<string, string> describeInput)
    {
        _graph = graph;
        _describeInput = describeInput;
        _environment = environment;
        var proto = graph.Model.Graph;
        _index = new GraphIndex(proto);
        _order = _index.TopologicalOrder();
        var wanted = proto.Input.Select(input => input.Name).ToHashSet(StringComparer.Ordinal);
        _inputs = inputs.Where(input => wanted.Contains(input.Key)).ToDictionary(input => input.Key, input => input.Value, StringComparer.Ordinal);
        foreach (var tensor in proto.Initializer.Where(tensor => tensor.ElementType() == TensorElementType.Float))
        {
            _constants.Add(tensor.Name);
            Mark(tensor.Name, tensor.ToSingles());
        }
    }

    /// <summary>Looks for the origin.</summary>
    /// <returns>A sentence or several; null when loss and gradients are finite.</returns>
    internal string? Find()
    {
        foreach (var (name, tensor) in _inputs.Where(input => input.Value.ElementType == TensorElementType.Float))
        {
            Mark(name, tensor.Span<float>());
        }

        FetchAll();
        var reached = Reached();
        if (reached is null)
        {
            return null;
        }

        if (_inputs.Keys.FirstOrDefault(name => reached.Contains(name)) is { } input)
        {
            var subject = _describeInput(input);
            return $"{char.ToUpperInvariant(subject[0])}{subject[1..]} is not finite itself: {Describe(_inputs[input].Span<float>(), _inputs[input].Shape)}.";
        }

        var origin = _order.FirstOrDefault(node => node.Output.Any(reached.Contains) && !_index.Inputs(node).Any(_broken.Contains) && !node.Output.All(_constants.Contains))
            ?? _order.First(node => node.Output.Any(reached.Contains) && _index.Inputs(node).Where(_broken.Contains).All(_constants.Contains));
        return Tell(origin);
    }

    private void FetchAll()
    {
        var part = new List<string>();
        var bytes = 0L;
        foreach (var node in _order)
        {
            foreach (var value in node.Output.Where(value => value.Length > 0))
            {
                part.Add(value);
                bytes += SizeOf(value);
                if (bytes > BytesAtATime)
                {
                    Fetch();
                }
            }

            if (node.OpType is "Constant" or "ConstantOfShape" || (node.Input.Count > 0 && _index.Inputs(node).All(_constants.Contains)))
            {
                _constants.UnionWith(node.Output);
            }
        }

        Fetch();

        void Fetch()
        {
            foreach (var (name, tensor) in Run(part))
            {
                Mark(name, tensor.Span<float>());
                tensor.Dispose();
            }

            part.Clear();
            bytes = 0;
        }
    }

    // Those of some values that are float32 tensors; the caller disposes them.
    private List<(string Name, OrtTensor Tensor)> Run(List<string> values)
    {
        if (values.Count == 0)
        {
            return [];
        }

        var model = _graph.Model.Clone();
        model.Graph.Output.Clear();
        foreach (var value in values)
        {
            // ONNX Runtime infers the type of an output that has none.
            model.Graph.Output.Add(new ValueInfoProto { Name = value });
        }

        using var domain = KernelLibrary.CreateDomain(_environment);
        using var options = new OrtSessionOptions(_environment) { GraphOptimizationLevel = GraphOptimizationLevel.None };
        options.AddCustomOperators(domain);
        using var session = OrtSession.Open(_environment, model, options);
        string[] names = [.. session.Outputs.Where(output => output.Type == TensorElementType.Float).Select(output => output.Name)];
        return names.Length == 0 ? [] : [.. names.Zip(session.Run(_inputs, names))];
    }

    private void Mark(string name, ReadOnlySpan<float> values)
    {
        if (!VectorMath.AllFinite(values))
        {
            _broken.Add(name);
        }
    }

    // Unknown sizes count as a mebibyte.
    private long SizeOf(string value) =>
        _graph.Values is { } values && values.TryGet(value, out var known) ? sizeof(float) * known.Shape.Aggregate(1L, (product, axis) => product * Math.Max(1, axis)) : 1 << 20;

    // What is not finite and makes the loss so, or else a gradient, the first that is computed.
    private HashSet<string>? Reached()
    {
        string? target = _graph.LossName;
        if (!_broken.Contains(target))
        {
            var gradients = _graph.Parameters.Select(parameter => parameter.GradientName).ToHashSet(StringComparer.Ordinal);
            target = _order.SelectMany(node => node.Output).FirstOrDefault(value => gradients.Contains(value) && _broken.Contains(value));
        }

        if (target is null)
        {
            return null;
        }

        var reached = new HashSet<string>(StringComparer.Ordinal) { target };
        var waiting = new Queue<string>(reached);
        while (waiting.TryDequeue(out var value))
        {
            foreach (var input in (_index.Producer(value) is { } producer ? _index.Inputs(producer) : []).Where(_broken.Contains).Where(reached.Add))
            {
                waiting.Enqueue(input);
            }
        }

        return reached;
    }

    private string Tell(NodeProto node)
    {
        var isForward = Forward().Contains(node);
        var behind = isForward ? null : _order.Where(other => other.Name.Length > 0 && node.Name.StartsWith($"{other.Name}_grad/", StringComparison.Ordinal)).MaxBy(other => other.Name.Length);
        var values = _index.Inputs(node).Concat(node.Output).Concat(behind is null ? [] : _index.Inputs(behind)).Where(name => name.Length > 0).Distinct(StringComparer.Ordinal).ToList();
        var tensors = ValuesOf(values);
        var broken = node.Output.First(_broken.Contains);
        var inputs = string.Join("; ", _index.Inputs(node).Where(tensors.ContainsKey).Select(name => $"{_describeInput(name)} {Describe(tensors[name].Values, tensors[name].Shape)}"));
        var place = isForward ? "the forward pass" : behind is null ? "the backward pass" : $"the backward pass of '{behind.Name}' ({behind.OpType})";
        var hint = NonFiniteHints.For(behind ?? node, isForward, [.. (behind ?? node).Input.Select(name => tensors.TryGetValue(name, out var input) ? input.Values : null)]);
        return $"The first node that makes it so is '{node.Name}' ({node.OpType}) in {place}: its output '{broken}' {Describe(tensors[broken].Values, tensors[broken].Shape)}. Its inputs: {(inputs.Length > 0 ? inputs : "none of floating point")}. {hint}";
    }

    // The float values of that name, wherever they are.
    private Dictionary<string, (float[] Values, IReadOnlyList<long> Shape)> ValuesOf(List<string> names)
    {
        var result = new Dictionary<string, (float[], IReadOnlyList<long>)>(StringComparer.Ordinal);
        foreach (var (name, tensor) in Run([.. names.Where(name => _index.Producer(name) is not null)]))
        {
            result[name] = (tensor.Span<float>().ToArray(), tensor.Shape);
            tensor.Dispose();
        }

        foreach (var name in names.Where(name => !result.ContainsKey(name)))
        {
            if (_inputs.TryGetValue(name, out var tensor) && tensor.ElementType == TensorElementType.Float)
            {
                result[name] = (tensor.Span<float>().ToArray(), tensor.Shape);
            }
            else if (_index.Initializer(name) is { } constant && constant.ElementType() == TensorElementType.Float)
            {
                result[name] = (constant.ToSingles(), constant.Shape());
            }
        }

        return result;
    }

    // What the loss is computed from.
    private HashSet<NodeProto> Forward()
    {
        var forward = new HashSet<NodeProto>(ReferenceEqualityComparer.Instance);
        var waiting = new Stack<string>([_graph.LossName]);
        while (waiting.TryPop(out var value))
        {
            if (_index.Producer(value) is { } node && forward.Add(node))
            {
                foreach (var input in _index.Inputs(node))
                {
                    waiting.Push(input);
                }
            }
        }

        return forward;
    }

    private static string Describe(ReadOnlySpan<float> values, IReadOnlyList<long> shape)
    {
        var (lowest, highest, nan, infinite, first) = (float.PositiveInfinity, float.NegativeInfinity, 0, 0, -1);
        for (var i = 0; i < values.Length; i++)
        {
            var value = values[i];
            if (float.IsFinite(value))
            {
                (lowest, highest) = (Math.Min(lowest, value), Math.Max(highest, value));
                continue;
            }

            first = first < 0 ? i : first;
            nan += float.IsNaN(value) ? 1 : 0;
            infinite += float.IsNaN(value) ? 0 : 1;
        }

        var text = $"[{string.Join(", ", shape)}]";
        if (first >= 0)
        {
            string[] kinds = [.. nan > 0 ? [$"{nan} NaN"] : (string[])[], .. infinite > 0 ? [$"{infinite} infinite"] : (string[])[]];
            text += $" holds {string.Join(" and ", kinds)} of {values.Length}, the first at [{string.Join(", ", Position(first, shape))}]";
        }

        return lowest <= highest ? string.Create(CultureInfo.InvariantCulture, $"{text}{(first >= 0 ? ", the rest" : "")} from {lowest:G4} to {highest:G4}") : text;
    }

    private static long[] Position(long index, IReadOnlyList<long> shape)
    {
        var position = new long[shape.Count];
        for (var axis = shape.Count - 1; axis >= 0; axis--)
        {
            (index, position[axis]) = Math.DivRem(index, shape[axis]);
        }

        return position;
    }
}
