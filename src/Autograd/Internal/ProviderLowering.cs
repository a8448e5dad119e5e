using OrtZero.Onnx;
using OrtZero.Onnx.Protobuf;

namespace OrtZero.Autograd.Internal;

/// <summary>
/// Writes operators that a provider lacks as others that it has. It goes over the finished graph, so it covers the
/// model's own nodes and those of gradients alike. No form depends on shapes, since evaluation graphs leave axes open.
/// </summary>
internal static class ProviderLowering
{
    private delegate Value? Form(GraphEmitter graph, NodeProto node, Value[] inputs);

    /// <summary>What WebGPU of ONNX Runtime 1.30 has no kernel for (found by asking where each operator case of the tests runs).</summary>
    private static readonly Dictionary<string, Form> s_webGpu = new(StringComparer.Ordinal)
    {
        ["Sum"] = (graph, _, inputs) => inputs.Aggregate(graph.Add),
        ["Mean"] = (graph, _, inputs) => graph.Mul(inputs.Aggregate(graph.Add), 1.0 / inputs.Length),
        ["Sign"] = (graph, _, inputs) => IsFloat(inputs[0])
            ? graph.Sub(graph.Cast(graph.Greater(inputs[0], 0), inputs[0].Type), graph.Cast(graph.Less(inputs[0], 0), inputs[0].Type))
            : null,
        ["Softsign"] = (graph, _, inputs) => graph.Div(inputs[0], graph.Add(graph.Unary("Abs", inputs[0]), 1)),
        ["Round"] = (graph, _, inputs) => Round(graph, inputs[0]),
        ["Mod"] = Remainder,
        ["Or"] = (graph, _, inputs) => graph.Not(graph.And(graph.Not(inputs[0]), graph.Not(inputs[1]))),
        ["Xor"] = (graph, _, inputs) => graph.Not(graph.Equal(
            graph.Cast(inputs[0], TensorElementType.Int32), graph.Cast(inputs[1], TensorElementType.Int32))),
        ["LogSoftmax"] = LogSoftmax,
        ["Selu"] = (graph, node, inputs) => graph.Mul(
            OneSided(graph, inputs[0], node.GetFloat("alpha", 1.67326319217681884765625f), 1), node.GetFloat("gamma", 1.05070102214813232421875f)),
        ["Celu"] = (graph, node, inputs) => OneSided(graph, inputs[0], node.GetFloat("alpha", 1), node.GetFloat("alpha", 1)),
        ["Dropout"] = (graph, node, inputs) => IsIdle(graph, node) ? inputs[0] : null,
    };

    /// <param name="graph">The graph, changed in place.</param>
    /// <param name="emitter">Writes into it.</param>
    /// <param name="target">Whose kernels to keep to.</param>
    /// <param name="forward">The nodes of the forward pass; what stands for them is added.</param>
    public static void Apply(GraphProto graph, GraphEmitter emitter, OperatorTarget target, HashSet<NodeProto>? forward = null)
    {
        if (target != OperatorTarget.WebGpu)
        {
            return;
        }

        var nodes = graph.Node.ToArray();
        graph.Node.Clear();
        emitter.ForgetWritten();
        foreach (var node in nodes)
        {
            var inputs = node.Input.Select(name => name.Length > 0 && emitter.TryFind(name, out var value) ? value : null).ToArray();
            if (node.Domain is not ("" or "ai.onnx") || !s_webGpu.TryGetValue(node.OpType, out var form)
                || node.Input.Zip(inputs).Any(pair => pair.First.Length > 0 && pair.Second is null))
            {
                graph.Node.Add(node);
                continue;
            }

            emitter.Scope = NodeContext.NameOf(node);
            var written = graph.Node.Count;
            if (form(emitter, node, inputs!) is { } result)
            {
                emitter.Name(result, node.Output[0]);
            }
            else
            {
                graph.Node.Add(node);
            }

            if (forward?.Contains(node) == true)
            {
                forward.UnionWith(graph.Node.Skip(written));
            }
        }
    }

    /// <summary>To the nearest whole number, and of two equally near ones to the even one: half up, less one where that is odd.</summary>
    private static Value Round(GraphEmitter graph, Value x)
    {
        var half = graph.Add(x, 0.5);
        var up = graph.Unary("Floor", half);
        var isOdd = graph.Greater(graph.Sub(up, graph.Mul(graph.Unary("Floor", graph.Mul(up, 0.5)), 2)), 0.5);
        return graph.Sub(up, graph.Cast(graph.And(graph.Equal(half, up), isOdd), x.Type));
    }

    /// <summary>x - b·trunc(x/b), the remainder with the sign of x.</summary>
    private static Value? Remainder(GraphEmitter graph, NodeProto node, Value[] inputs)
    {
        if (!IsFloat(inputs[0]) || node.GetInt("fmod", 0) == 0)
        {
            return null;
        }

        var ratio = graph.Div(inputs[0], inputs[1]);
        var whole = graph.Where(graph.Less(ratio, 0), graph.Unary("Ceil", ratio), graph.Unary("Floor", ratio));
        return graph.Sub(inputs[0], graph.Mul(inputs[1], whole));
    }

    /// <summary>x - m - log Σ exp(x - m) with m the maximum; before set 13 the axes from the given one on are one.</summary>
    private static Value? LogSoftmax(GraphEmitter graph, NodeProto node, Value[] inputs)
    {
        var x = inputs[0];
        var axis = Shapes.Axis(node.GetInt("axis", graph.Opset < 13 ? 1 : -1), x.Shape.Length);
        if (graph.Opset < 13 && axis != x.Shape.Length - 1)
        {
            return null;
        }

        var shape = Shapes.With(x.Shape, axis, 1);
        var shifted = graph.Sub(x, graph.ReduceMax(x, axis));
        Value[] summed = graph.Opset < 13 ? [graph.Exp(shifted)] : [graph.Exp(shifted), graph.Integers(axis)];
        var sum = graph.Node("ReduceSum", summed, x.Type, shape, reduce =>
        {
            if (graph.Opset < 13)
            {
                reduce.SetInts("axes", axis);
            }
        });
        return graph.Sub(shifted, graph.Log(sum));
    }

    /// <summary>x where it is positive, else alpha·(exp(x/scale) - 1).</summary>
    private static Value OneSided(GraphEmitter graph, Value x, double alpha, double scale) => graph.Where(
        graph.Greater(x, 0), x, graph.Mul(graph.Add(graph.Exp(graph.Mul(x, 1 / scale)), -1), alpha));

    /// <summary>Whether a dropout passes everything, and nobody reads its mask.</summary>
    private static bool IsIdle(GraphEmitter graph, NodeProto node) =>
        (node.Output.Count < 2 || node.Output[1].Length == 0)
        && (node.Input.Count < 3 || node.Input[2].Length == 0 || graph.Constant(node.Input[2])?.RawBytes() is [0]);

    private static bool IsFloat(Value x) => x.Type.IsFloatingPoint();
}
