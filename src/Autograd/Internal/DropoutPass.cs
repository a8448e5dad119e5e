using OrtZero.Kernels;
using OrtZero.Onnx;
using OrtZero.Onnx.Protobuf;

namespace OrtZero.Autograd.Internal;

/// <summary>
/// Puts the library's operator in the place of every Dropout that drops, in branches too, and takes the others out of training mode. No
/// standard operator draws by a counter, so where other providers than the CPU run the graph a mask is drawn on the CPU and multiplied there.
/// </summary>
internal sealed class DropoutPass
{
    private readonly DropoutOptions _options;
    private readonly bool _isFused;
    private readonly NameAllocator _names;
    private readonly string _microBatch;
    private int _seen;
    private bool _isUsed;

    private DropoutPass(DropoutOptions options, bool isFused, NameAllocator names)
    {
        (_options, _isFused, _names) = (options, isFused, names);
        _microBatch = names.Unique("micro_batch");
    }

    /// <summary>Rewrites the graph as the model wrote it: the number of a node is that of the Dropout in the file.</summary>
    /// <param name="graph">The graph.</param>
    /// <param name="values">Its values.</param>
    /// <param name="options">How it drops.</param>
    /// <param name="isFused">Whether the CPU runs all of the graph.</param>
    /// <returns>The graph input for the index of the micro-batch; <c>null</c> when nothing is dropped.</returns>
    public static string? Apply(GraphProto graph, ValueTable values, DropoutOptions options, bool isFused)
    {
        var pass = new DropoutPass(options, isFused, new NameAllocator(graph));
        pass.Visit(graph, values.Constant, values, loop: null);
        if (!pass._isUsed)
        {
            return null;
        }

        values.Add(new Value(pass._microBatch, TensorElementType.Int64, []));
        graph.Input.Add(ForwardGraph.Describe(pass._microBatch, TensorElementType.Int64, []));
        return pass._microBatch;
    }

    private void Visit(GraphProto graph, Func<string, TensorProto?> constant, ValueTable? values, NodeProto? loop)
    {
        var nodes = graph.Node.ToArray();
        graph.Node.Clear();
        foreach (var node in nodes)
        {
            foreach (var attribute in node.Attribute.Where(attribute => attribute.G is not null))
            {
                var inside = node.IsBranching() ? values?.Branch(node, attribute.Name)?.Values : null;
                Visit(attribute.G, name => Inside(attribute.G, name) ?? inside?.Constant(name) ?? constant(name), inside, node.IsBranching() ? loop : node);
            }

            if (node is { OpType: "Dropout", Domain: "" or "ai.onnx" })
            {
                Rewrite(graph, node, constant, values, loop, _seen++);
            }
            else
            {
                graph.Node.Add(node);
            }
        }
    }

    private void Rewrite(GraphProto graph, NodeProto node, Func<string, TensorProto?> constant, ValueTable? values, NodeProto? loop, int ordinal)
    {
        var isOwn = _options.Own.Contains(node.Name);
        var isOn = isOwn || (_options.IsOn ?? (Number(node, 2, constant, "training mode") ?? 0) != 0);
        var ratio = isOn ? (isOwn ? null : _options.Rate) ?? Number(node, 1, constant, "ratio") ?? 0.5 : 0;
        if (ratio == 0)
        {
            // Without its ratio and training mode it passes everything.
            while (node.Input.Count > 1)
            {
                node.Input.RemoveAt(1);
            }

            graph.Node.Add(node);
            return;
        }

        if (ratio is not (> 0 and < 1))
        {
            throw Problem(node, $"has the ratio {ratio}", "give it one of at least 0 and less than 1, or set a rate for all");
        }

        if (loop is not null)
        {
            throw Problem(node, $"is in the body of {loop.OpType} '{NodeContext.NameOf(loop)}', where every turn would drop the same elements", "switch dropout off");
        }

        if (values is not null && values.TryGet(node.Input[0], out var x) && x.Type != TensorElementType.Float)
        {
            throw Problem(node, $"works on {x.Type} numbers, and masks are drawn for Float", "cast its input to Float in the model, or switch dropout off");
        }

        _isUsed = true;
        if (!_isFused)
        {
            Multiply(graph, node, values, ratio, ordinal);
            return;
        }

        var input = node.Input[0];
        node.Input.Clear();
        node.Input.AddRange([input, _microBatch]);
        node.Attribute.Clear();
        node.OpType = "CounterDropout";
        node.Domain = KernelLibrary.Domain;
        graph.Node.Add(Draws(node, ratio, ordinal));
    }

    private NodeProto Draws(NodeProto node, double ratio, int ordinal) =>
        node.SetFloat("ratio", (float)ratio).SetInt("seed", _options.Seed).SetInt("node", ordinal);

    /// <summary>The product with a mask, whose gradient needs no rule of its own.</summary>
    private void Multiply(GraphProto graph, NodeProto node, ValueTable? values, double ratio, int ordinal)
    {
        var (input, output) = (node.Input[0], node.Output[0]);
        var (shape, mask) = (_names.Unique($"{output}/shape"), _names.Unique($"{output}/mask"));
        var name = NodeContext.NameOf(node);
        graph.Node.Add(NodeFactory.Create("Shape", [input], [shape], $"{name}/Shape"));
        graph.Node.Add(Draws(NodeFactory.Create("CounterMask", [shape, _microBatch], [mask], $"{name}/CounterMask", KernelLibrary.Domain), ratio, ordinal));
        graph.Node.Add(NodeFactory.Create("Mul", [input, mask], [output], name));
        if (node.Output.Count > 1 && node.Output[1].Length > 0)
        {
            graph.Node.Add(NodeFactory.Create("Cast", [mask], [node.Output[1]], $"{name}/Cast").SetInt("to", (int)TensorElementType.Bool));
        }

        if (values is not null && values.TryGet(input, out var x))
        {
            values.SetConstant(shape, TensorFactory.Vector(shape, x.Shape));
            values.Add(x with { Name = mask });
        }
    }

    private static double? Number(NodeProto node, int index, Func<string, TensorProto?> constant, string what)
    {
        if (index >= node.Input.Count || node.Input[index].Length == 0)
        {
            return null;
        }

        return constant(node.Input[index]) is { } tensor && tensor.ElementCount() == 1
            ? tensor.ElementType() switch
            {
                TensorElementType.Double => BitConverter.ToDouble(tensor.RawBytes()),
                TensorElementType.Bool => tensor.RawBytes()[0],
                _ => tensor.ToSingles()[0],
            }
            : throw Problem(node, $"has a {what} that is computed from data", "make it a constant of the model, or set it for all");
    }

    // What was not looked at when the model was probed, such as a branch that no sample took.
    private static TensorProto? Inside(GraphProto graph, string name) => graph.FindInitializer(name)
        ?? graph.Node.FirstOrDefault(node => node.OpType == "Constant" && node.Output[0] == name)?.FindAttribute("value")?.T;

    private static GradientException Problem(NodeProto node, string what, string fix) => new($"Dropout '{NodeContext.NameOf(node)}' {what}: {fix}.");
}
