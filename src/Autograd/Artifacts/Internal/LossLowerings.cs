using OrtZero.Onnx;
using OrtZero.Onnx.Protobuf;

namespace OrtZero.Autograd.Internal;

/// <summary>Cross-entropy as the training graph has it: log probabilities <c>[N, C, d..]</c>, labels <c>[N, d..]</c>.</summary>
internal static class LossLowerings
{
    public static void AddTo(Dictionary<string, Action<LoweringGraph, NodeProto>> table)
    {
        table["SoftmaxCrossEntropyLossGrad"] = (g, node) => g.Set(node.Output[0], Gradient(g, node, IgnoreAttribute(g, node)));
        table["SoftmaxCrossEntropyLossInternalGrad"] = (g, node) =>
        {
            var gradient = Gradient(g, node, IgnoreInput(g, node, 4));
            g.Set(node.Output[0], node.InputOrEmpty(5) is { Length: > 0 } bias ? g.Add(gradient, bias) : gradient);
        };
        table["SoftmaxCrossEntropyLossInternal"] = Forward;
    }

    private static string? IgnoreAttribute(LoweringGraph g, NodeProto node) =>
        node.FindAttribute("ignore_index") is { } attribute ? g.Int64s([attribute.I]) : null;

    private static string? IgnoreInput(LoweringGraph g, NodeProto node, int index) =>
        node.InputOrEmpty(index) is { Length: > 0 } value ? g.Reshape(value, 1) : null;

    // dScores = (exp(log p) - onehot) · w · dY / D, where w is the weight of each label's class, 0 for ignored labels, and D is the
    // sum of w for a mean and 1 otherwise.
    private static string Gradient(LoweringGraph g, NodeProto node, string? ignore)
    {
        var reduction = node.GetString("reduction", "mean");
        var (logProbabilities, dy) = (node.Input[1], node.Input[0]);
        var (labels, share) = Shares(g, node.Input[2], node.InputOrEmpty(3), ignore);
        var classes = g.Part(g.Shape(logProbabilities), 1, 2);
        var zeroAndOne = g.Op("Concat", [g.Reshape(g.Single(0), 1), g.Reshape(g.Single(1), 1)], concat => concat.SetInt("axis", 0));
        var target = g.Op("OneHot", [labels, classes, zeroAndOne], oneHot => oneHot.SetInt("axis", 1));
        var scale = reduction switch
        {
            "none" => g.Mul(share, dy),
            "sum" => g.Mul(share, dy),
            _ => g.Mul(g.Div(share, Divisor(g, share)), dy),
        };
        return g.Mul(g.Sub(g.Op("Exp", logProbabilities), target), g.Op("Unsqueeze", scale, g.Int64s([1])));
    }

    private static (string Labels, string Share) Shares(LoweringGraph g, string labels, string weights, string? ignore)
    {
        labels = g.Cast(labels, TensorElementType.Int64);
        string? counted = null;
        if (ignore is not null)
        {
            // An ignored label may be any number; 0 is always a class.
            var counts = g.Op("Not", g.Op("Equal", labels, ignore));
            labels = g.Op("Where", counts, labels, g.Int64s([0]));
            counted = g.Cast(counts, TensorElementType.Float);
        }

        if (weights.Length == 0)
        {
            return (labels, counted ?? g.Op("Expand", g.Single(1), g.Shape(labels)));
        }

        var weight = g.Op("Gather", weights, labels);
        return (labels, counted is null ? weight : g.Mul(weight, counted));
    }

    // Where every label is ignored all shares are 0, and a divisor of 1 keeps the gradient 0.
    private static string Divisor(LoweringGraph g, string share)
    {
        var sum = g.Op("ReduceSum", [share], node => node.SetInt("keepdims", 0));
        return g.Op("Where", g.Op("Equal", sum, g.Single(0)), g.Single(1), sum);
    }

    // loss = Σ w·(-log p of the label) / D, with the log probabilities as second output.
    private static void Forward(LoweringGraph g, NodeProto node)
    {
        var logProbabilities = g.Op("LogSoftmax", [node.Input[0]], softmax => softmax.SetInt("axis", 1));
        var (labels, share) = Shares(g, node.Input[1], node.InputOrEmpty(2), IgnoreInput(g, node, 3) ?? IgnoreAttribute(g, node));
        var axis = g.Int64s([1]);
        var picked = g.Op(
            "GatherElements", [logProbabilities, g.Op("Unsqueeze", labels, axis)], gather => gather.SetInt("axis", 1));
        var losses = g.Mul(g.Op("Neg", g.Op("Squeeze", picked, axis)), share);
        var reduction = node.GetString("reduction", "mean");
        var sum = reduction == "none" ? losses : g.Op("ReduceSum", [losses], reduce => reduce.SetInt("keepdims", 0));
        g.Set(node.Output[0], reduction == "mean" ? g.Div(sum, Divisor(g, share)) : sum);
        g.Set(node.OutputOrEmpty(1), logProbabilities);
    }
}
