using OrtZero.Onnx;
using OrtZero.Onnx.Protobuf;

namespace OrtZero.Autograd.Internal;

/// <summary>
/// Lets the end of a model and its loss work on those rows only whose label counts. How many these are is known in the run alone: in the
/// shapes of the graph their number is -1, and no gradient rule of a row-wise operator asks for it.
/// </summary>
/// <remarks>
/// One more row leads them, the first of the model with an ignored label. It adds nothing to the loss, its gradient is 0, and it is where
/// the gradients of all ignored rows are read from: the way back is a Gather too, with no sums and no races. And there is
/// always a row, so that micro-batches without a label that counts need no care.
/// </remarks>
internal sealed class LabelSparsity
{
    private readonly GraphProto _graph;
    private readonly GraphEmitter _emitter;
    private readonly ValueTable _values;
    private readonly List<LabelSparsityReport> _reports = [];
    private readonly Dictionary<string, SparseLoss> _losses = new(StringComparer.Ordinal);

    private LabelSparsity(GraphProto graph, GraphEmitter emitter, ValueTable values) => (_graph, _emitter, _values) = (graph, emitter, values);

    /// <summary>What was done, one for each output that a loss reads.</summary>
    public IReadOnlyList<LabelSparsityReport> Reports => _reports;

    /// <summary>Rewrites the graph for every cross-entropy where that is possible.</summary>
    public static LabelSparsity Apply(GraphProto graph, GraphEmitter emitter, ValueTable values, LossOptions[] terms)
    {
        var pass = new LabelSparsity(graph, emitter, values);
        foreach (var term in terms.Where(term => term.Type == LossType.CrossEntropy && terms.Count(other => other.Output == term.Output) == 1))
        {
            pass.Rewrite(term);
        }

        return pass;
    }

    /// <summary>What a loss reads, or <c>null</c> if it reads all rows.</summary>
    public SparseLoss? Find(LossOptions term) => _losses.GetValueOrDefault(term.Output);

    private void Rewrite(LossOptions term)
    {
        var output = _values[term.Output];
        if (output.Shape.Length < 2 || Shapes.Axis(term.Axis, output.Shape.Length) != output.Shape.Length - 1)
        {
            return;
        }

        var selection = RowSelection.Behind(_graph, _values, output);
        var rows = Shapes.Count(selection.Source.Shape.AsSpan(..^1));
        if (rows < 2 || RowRegion.Find(_graph, _values, _emitter.Opset, selection.Source, selection.Nodes) is not { } region
            || LossCheck.Labels(_graph, _values, term, output) is not { } description
            || Shapes.Count(description.Shape) != Shapes.Count(output.Shape.AsSpan(..^1)))
        {
            return;
        }

        // Nothing outside of the region reads what it computes, so all of it can stand at the end.
        var inside = region.Nodes.Concat(selection.Nodes).ToHashSet<NodeProto>(ReferenceEqualityComparer.Instance);
        var outside = _graph.Node.Where(node => !inside.Contains(node)).ToList();
        _graph.Node.Clear();
        _graph.Node.AddRange(outside);
        _emitter.Scope = "label_sparsity";
        var labels = _emitter.AddInput(description.Name, description.Type, description.Shape);
        var (places, counted) = Places(term.IgnoreIndex, labels, selection.Rows, rows);
        var gathered = region.Sources.ToDictionary(name => name, name => Gather(_values[name], region.Axes(name), rows, places).Name, StringComparer.Ordinal);
        Write(region, gathered);
        _losses[term.Output] = new SparseLoss(_values[selection.Source.Name], labels, counted);
        _reports.Add(new LabelSparsityReport(
            term.Output, labels.Name, term.IgnoreIndex, rows, region.Sources, [.. region.Nodes.Select(NodeContext.NameOf)]));
    }

    private void Write(RowRegion region, Dictionary<string, string> gathered)
    {
        foreach (var node in region.Nodes)
        {
            for (var i = 0; i < node.Input.Count; i++)
            {
                if (region.ReadsRows(node, i) && gathered.TryGetValue(node.Input[i], out var name))
                {
                    node.Input[i] = name;
                }
            }

            var axes = region.Axes(node.Output[0]);
            foreach (var name in node.Output.Where(name => name.Length > 0 && _values.TryGet(name, out _)))
            {
                _values.Add(_values[name] with { Shape = Open(_values[name].Shape, axes) });
            }

            if (RowWise.IsView(node))
            {
                var source = node.Input[0];
                node.OpType = "Reshape";
                node.Attribute.Clear();
                node.Input.Clear();
                node.Input.AddRange([source, _emitter.Integers(_values[node.Output[0]].Shape).Name]);
            }

            _graph.Node.Add(node);
        }
    }

    /// <summary>Which rows are gathered, as numbers from 0, and their labels.</summary>
    private (Value Places, Value Labels) Places(long ignoreIndex, Value labels, long[]? kept, long rows)
    {
        var graph = _emitter;
        var ignored = graph.Integers(ignoreIndex);
        var flat = graph.Reshape(labels, Shapes.Count(labels.Shape));
        if (kept is not null)
        {
            // The labels of all rows: what was cut off is ignored.
            var from = new long[rows];
            for (var row = 0; row < kept.Length; row++)
            {
                from[kept[row]] = row + 1;
            }

            flat = graph.Gather(graph.Concat([ignored, flat], 0), graph.Integers(from), 0);
        }

        var counts = graph.Cast(graph.Not(graph.Equal(flat, graph.Scalar(TensorElementType.Int64, ignoreIndex))), TensorElementType.Int64);
        var found = graph.Node("NonZero", [graph.Concat([graph.Integers(1), counts], 0)], TensorElementType.Int64, [1, -1]);
        var places = graph.Reshape(found, -1);
        var counted = graph.Gather(graph.Concat([ignored, flat], 0), places, 0);
        var numbers = graph.Node(
            "Max", [graph.Add(places, -1), graph.Scalar(TensorElementType.Int64, 0)], TensorElementType.Int64, places.Shape);
        var sums = graph.Node("CumSum", [counts, graph.Scalar(TensorElementType.Int64, 0)], TensorElementType.Int64, counts.Shape);
        graph.MarkRows(numbers, graph.Mul(counts, sums));
        return (numbers, counted);
    }

    private Value Gather(Value source, int axes, long rows, Value places)
    {
        long[] shape = [.. Enumerable.Repeat(1L, axes - 1), rows, .. source.Shape.AsSpan(axes)];
        return _emitter.Gather(_emitter.Reshape(source, shape), places, axes - 1);
    }

    /// <summary>The rows along one axis, of unknown length; the axes before it are kept with length 1, so that all others stay where they are.</summary>
    private static long[] Open(long[] shape, int axes) => [.. Enumerable.Repeat(1L, axes - 1), -1, .. shape.AsSpan(axes)];
}
