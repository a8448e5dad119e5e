using OrtZero.Kernels;
using OrtZero.Onnx;

namespace OrtZero.Autograd.Internal;

/// <summary>
/// Writes the loss, and the gradient of the loss with respect to the model output it reads. An axis of length -1 (evaluation graphs)
/// is allowed everywhere but in the number of classes.
/// </summary>
internal sealed class LossEmitter(GraphEmitter graph, LossOptions options)
{
    /// <summary>The scalar loss and the gradient of <paramref name="output"/>, which has the same shape as the output.</summary>
    public (Value Loss, Value Gradient) Emit(Value output, Value? labels)
    {
        graph.Scope = "loss";
        return options.Type switch
        {
            LossType.CrossEntropy when graph.CanFuse("CrossEntropy", output.Type) => FusedCrossEntropy(output, labels!),
            LossType.CrossEntropy => CrossEntropy(output, labels!),
            LossType.MeanSquaredError => MeanSquaredError(output, labels!),
            _ => (graph.Reshape(output), Ones(output)),
        };
    }

    private Value Ones(Value output) => graph.Reshape(graph.Scalar(output.Type, 1), output.Shape);

    private (Value Loss, Value Gradient) MeanSquaredError(Value output, Value labels)
    {
        var difference = graph.Sub(output, labels);
        var loss = graph.Node("ReduceMean", [graph.Square(difference)], output.Type, [], node => node.SetInt("keepdims", 0));
        return (loss, graph.Mul(difference, 2.0 / Math.Max(1, Shapes.Count(output.Shape))));
    }

    private (Value Loss, Value Gradient) FusedCrossEntropy(Value scores, Value labels)
    {
        var results = graph.Nodes(
            "CrossEntropy", [scores, labels], [(scores.Type, []), (scores.Type, scores.Shape)],
            node => node.SetInt("ignore_index", options.IgnoreIndex).SetFloat("label_smoothing", (float)options.LabelSmoothing),
            KernelLibrary.Domain);
        return (results[0], results[1]);
    }

    /// <summary>
    /// log p = s - m - log Σ exp(s - m) with m the row's maximum; with smoothing e, C classes and n counted labels
    /// loss = -1/n Σ [(1-e) log p_label + e/C Σ_c log p_c] and dS = counted/n · (p - (1-e) onehot - e/C).
    /// </summary>
    private (Value Loss, Value Gradient) CrossEntropy(Value scores, Value labels)
    {
        var classes = scores.Shape[^1];
        var rows = Shapes.Count(scores.Shape.AsSpan(..^1));
        var smoothing = options.LabelSmoothing;
        var flat = graph.Reshape(scores, rows, classes);
        var label = graph.Reshape(labels, rows, 1);
        var counts = graph.Not(graph.Equal(label, graph.Scalar(TensorElementType.Int64, options.IgnoreIndex)));
        var counted = graph.Cast(counts, scores.Type);
        var share = graph.Div(counted, graph.Node(
            "Max", [graph.ReduceSum(counted, [0]), graph.Scalar(scores.Type, 1)], scores.Type, [1, 1]));

        var shifted = graph.Sub(flat, graph.ReduceMax(flat, 1));
        var exponential = graph.Exp(shifted);
        var sum = graph.ReduceSum(exponential, [1]);
        var logSum = graph.Log(sum);

        // An ignored label may be any number; 0 is always a class.
        var position = graph.Where(counts, label, graph.Scalar(TensorElementType.Int64, 0));
        var target = graph.GatherElements(shifted, position, 1);
        if (smoothing != 0)
        {
            target = graph.Add(
                graph.Mul(target, 1 - smoothing),
                graph.Mul(graph.ReduceSum(shifted, [1]), smoothing / classes));
        }

        var losses = graph.Mul(graph.Sub(logSum, target), share);
        var loss = graph.Reshape(graph.ReduceSum(losses, [0]));

        var isTarget = graph.Equal(position, graph.Iota(1, classes));
        var wanted = graph.Where(
            isTarget, graph.Scalar(scores.Type, 1 - smoothing + (smoothing / classes)), graph.Scalar(scores.Type, smoothing / classes));
        var gradient = graph.Mul(graph.Sub(graph.Div(exponential, sum), wanted), share);
        return (loss, graph.Reshape(gradient, scores.Shape));
    }
}
