using OrtZero.Onnx;
using OrtZero.Onnx.Protobuf;

namespace OrtZero.Autograd.Internal;

/// <summary>
/// LSTM and GRU of the training graph, which also give their gates of every step, and their gradients, as scans over time. Sequences are
/// [T, 1, B, ..], weights [1, gates·H, ..]: the official kernels know one direction, default activations and whole sequences only
/// (orttraining/training_ops/cpu/rnn).
/// </summary>
internal static class RecurrentLowerings
{
    public static void AddTo(Dictionary<string, Action<LoweringGraph, NodeProto>> table)
    {
        table["LSTMTraining"] = (g, node) => LstmLowerings.Forward(g, node, Check(node, 4));
        table["GRUTraining"] = (g, node) => GruLowerings.Forward(g, node, Check(node, 3));
        table["LSTMGrad"] = (g, node) => Backward(g, node, "LSTMTraining", 4, (operands, hidden) => LstmLowerings.Backward(g, node, operands, hidden));
        table["GRUGrad"] = (g, node) => Backward(g, node, "GRUTraining", 2, (operands, hidden) => GruLowerings.Backward(g, node, operands, hidden));
    }

    /// <summary>What a gradient takes: the forward node and the gradients of its outputs ("" where nothing uses one).</summary>
    internal sealed record Operands(NodeProto Forward, string Sequence, string Hidden, string Cell);

    /// <summary>W·x and the biases that always go with it, for all steps: [T, B, gates·H].</summary>
    internal static string Inputs(LoweringGraph g, NodeProto node, Func<string, string> biasOf)
    {
        var product = g.Op("MatMul", node.Input[0], g.Transpose(Matrix(g, node.Input[1]), 1, 0));
        return node.InputOrEmpty(3) is { Length: > 0 } bias ? g.Add(product, biasOf(g.Reshape(bias, 2, -1))) : product;
    }

    /// <summary>A weight without its axis of directions.</summary>
    internal static string Matrix(LoweringGraph g, string weight) => g.Squeeze(weight, 0);

    /// <summary>A state, [B, H]; zeros where none is given.</summary>
    internal static string State(LoweringGraph g, string given, string input, long hidden) =>
        given.Length > 0 ? g.Squeeze(given, 0) : g.Zeros(g.Concat(g.Part(g.Shape(input), 1, 2), g.Int64s([hidden])));

    /// <summary>One of several gates side by side.</summary>
    internal static string Gate(LoweringGraph g, string gates, int index, long hidden, int count = 1) =>
        g.Op("Slice", gates, g.Int64s([index * hidden]), g.Int64s([(index + count) * hidden]), g.Int64s([-1]));

    /// <summary>The states before each step: the first one, then all but the last.</summary>
    internal static string Before(LoweringGraph g, string first, string states) =>
        g.Concat(g.Unsqueeze(first, 0), g.Op("Slice", states, g.Int64s([0]), g.Int64s([-1]), g.Int64s([0])));

    /// <summary>Σ over steps and samples of the product of every gate's gradient with every element: [1, gates·H, n].</summary>
    internal static string Outer(LoweringGraph g, string gates, string elements) => g.Unsqueeze(
        g.Op("MatMul", g.Transpose(Rows(g, gates), 1, 0), Rows(g, elements)), 0);

    /// <summary>Σ over steps and samples: [1, n].</summary>
    internal static string Total(LoweringGraph g, string values) => g.ReduceSum(Rows(g, values), [0]);

    private static string Rows(LoweringGraph g, string value) => g.Reshape(value, g.Concat(g.Int64s([-1]), g.Part(g.Shape(value), 2, 3)));

    // The tool leaves out inputs in front, so what is known is where the gates are: states before them, gradients of outputs behind.
    private static void Backward(LoweringGraph g, NodeProto node, string operatorName, int gates, Action<Operands, long> write)
    {
        for (var place = 0; place < node.Input.Count; place++)
        {
            if (g.Producer(node.Input[place]) is { } forward && forward.OpType == operatorName && forward.OutputOrEmpty(gates) == node.Input[place])
            {
                var operands = new Operands(forward, node.InputOrEmpty(place + 1), node.InputOrEmpty(place + 2), node.InputOrEmpty(place + 3));
                write(operands, Check(forward, gates == 4 ? 4 : 3));
                return;
            }
        }

        throw new ArtifactException($"Node {node.Describe()} takes gates that no {operatorName} gives; write the artifacts again.");
    }

    private static long Check(NodeProto node, int gates)
    {
        var names = node.FindAttribute("activations")?.Strings.Select(name => name.ToStringUtf8()) ?? [];
        string[] usual = gates == 4 ? ["sigmoid", "tanh", "tanh"] : ["sigmoid", "tanh"];
        if (node.GetString("direction", "forward") != "forward" || node.InputOrEmpty(4).Length > 0 || node.FindAttribute("clip") is not null
            || node.GetInt("input_forget", 0) != 0 || (names.Any() && !names.SequenceEqual(usual, StringComparer.OrdinalIgnoreCase)))
        {
            throw new ArtifactException(
                $"Node {node.Describe()} has another direction, sequence lengths, activations or clipping, which the official training operators do not compute either: train the forward model instead (model.path).");
        }

        return node.GetInt("hidden_size", 0) is > 0 and var hidden
            ? hidden
            : throw new ArtifactException($"Node {node.Describe()} has no hidden_size; write the artifacts again.");
    }
}
