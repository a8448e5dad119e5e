using OrtZero.Kernels;
using OrtZero.Onnx;
using OrtZero.Onnx.Protobuf;

namespace OrtZero.Autograd.Internal;

/// <summary>
/// Puts the library's operator in the place of every Dropout that drops, in branches too, and takes the others out of training mode. No
/// standard operator draws by a counter, so this one is used whatever provider runs the rest.
/// </summary>
internal sealed class DropoutPass
{
    private readonly DropoutOptions _options;
    private readonly string _microBatch;
    private int _seen;
    private bool _isUsed;

    private DropoutPass(DropoutOptions options, string microBatch) => (_options, _microBatch) = (options, microBatch);

    /// <summary>Rewrites the graph as the model wrote it: the number of a node is that of the Dropout in the file.</summary>
    /// <returns>The graph input for the index of the micro-batch; <c>null</c> when nothing is dropped.</returns>
    public static string? Apply(GraphProto graph, ValueTable values, DropoutOptions options)
    {
        var pass = new DropoutPass(options, new NameAllocator(graph).Unique("micro_batch"));
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
        foreach (var node in graph.Node)
        {
            foreach (var attribute in node.Attribute.Where(attribute => attribute.G is not null))
            {
                var inside = node.IsBranching() ? values?.Branch(node, attribute.Name)?.Values : null;
                Visit(attribute.G, name => Inside(attribute.G, name) ?? inside?.Constant(name) ?? constant(name), inside, node.IsBranching() ? loop : node);
            }

            if (node is { OpType: "Dropout", Domain: "" or "ai.onnx" })
            {
                Rewrite(node, constant, values, loop, _seen++);
            }
        }
    }

    private void Rewrite(NodeProto node, Func<string, TensorProto?> constant, ValueTable? values, NodeProto? loop, int ordinal)
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
        var input = node.Input[0];
        node.Input.Clear();
        node.Input.AddRange([input, _microBatch]);
        node.Attribute.Clear();
        node.OpType = "CounterDropout";
        node.Domain = KernelLibrary.Domain;
        node.SetFloat("ratio", (float)ratio).SetInt("seed", _options.Seed).SetInt("node", ordinal);
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
