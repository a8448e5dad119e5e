using OrtZero.Kernels;
using OrtZero.Onnx;

namespace OrtZero.Autograd.Internal;

/// <summary>Writes softmax cross-entropy.</summary>
internal sealed class CrossEntropyEmitter(GraphEmitter graph, LossOptions options)
{
    public LossTerm Emit(Value scores, Value labels)
    {
        var rank = scores.Shape.Length;
        var axis = Shapes.Axis(options.Axis, rank);
        if (axis == rank - 1)
        {
            return EmitLast(scores, labels);
        }

        long[] permutation = [.. Shapes.Range(rank).Where(other => other != axis), axis];
        var term = EmitLast(graph.Transpose(scores, permutation), labels);
        return term with { Gradient = graph.Transpose(term.Gradient, Shapes.Inverse(permutation)) };
    }

    private LossTerm EmitLast(Value scores, Value labels) =>
        options.ClassWeights is null && graph.CanFuse("CrossEntropy", scores.Type) ? Fused(scores, labels) : Written(scores, labels);

    private LossTerm Fused(Value scores, Value labels)
    {
        var results = graph.Nodes(
            "CrossEntropy", [scores, labels], [(scores.Type, []), (scores.Type, scores.Shape)],
            node => node.SetInt("ignore_index", options.IgnoreIndex).SetFloat("label_smoothing", (float)options.LabelSmoothing),
            KernelLibrary.Domain);
        var counted = graph.Cast(Counts(graph.Reshape(labels, Shapes.Count(labels.Shape), 1)), scores.Type);
        return new LossTerm(results[0], results[1], graph.ReduceSum(counted, [0, 1], keep: false));
    }

    /// <summary>
    /// log p = s - m - log Σ exp(s - m) with m the row's maximum; with smoothing e, C classes of weight w and n the sum of the weights of
    /// the labels that count, loss = -1/n Σ [(1-e) w_label log p_label + e/C Σ_c w_c log p_c], and the gradient of a row with the weights
    /// a_c = (1-e) w_label onehot_c + e/C w_c is (p·Σ_c a_c - a)/n.
    /// </summary>
    private LossTerm Written(Value scores, Value labels)
    {
        var classes = scores.Shape[^1];
        var rows = Shapes.Count(scores.Shape.AsSpan(..^1));
        var smoothing = options.LabelSmoothing;
        var flat = graph.Reshape(scores, rows, classes);
        var label = graph.Reshape(labels, rows, 1);
        var counts = Counts(label);
        var counted = graph.Cast(counts, scores.Type);

        // An ignored label may be any number; 0 is always a class.
        var position = graph.Where(counts, label, graph.Scalar(TensorElementType.Int64, 0));
        var weights = options.ClassWeights is { } given ? graph.Reals(scores.Type, [classes], [.. given]) : null;
        var own = weights is null ? null : graph.Gather(weights, position, 0);
        var total = graph.ReduceSum(own is null ? counted : graph.Mul(counted, own), [0]);
        var divisor = own is null
            ? graph.Node("Max", [total, graph.Scalar(scores.Type, 1)], scores.Type, [1, 1])
            : graph.Where(graph.Greater(total, 0), total, graph.Scalar(scores.Type, 1));
        var share = graph.Div(counted, divisor);

        var shifted = graph.Sub(flat, graph.ReduceMax(flat, 1));
        var exponential = graph.Exp(shifted);
        var sum = graph.ReduceSum(exponential, [1]);
        var logSum = graph.Log(sum);
        var taken = graph.Sub(logSum, graph.GatherElements(shifted, position, 1));
        var losses = own is null ? taken : graph.Mul(taken, own);
        var isTarget = graph.Equal(position, graph.Iota(1, classes));
        var wanted = graph.Cast(isTarget, scores.Type);
        wanted = own is null ? wanted : graph.Mul(wanted, own);
        if (smoothing != 0)
        {
            var spread = graph.Sub(logSum, shifted);
            spread = weights is null ? spread : graph.Mul(spread, weights);
            losses = graph.Add(graph.Mul(losses, 1 - smoothing), graph.Mul(graph.ReduceSum(spread, [1]), smoothing / classes));
            wanted = graph.Mul(wanted, 1 - smoothing);
            wanted = weights is null
                ? graph.Add(wanted, smoothing / classes)
                : graph.Add(wanted, graph.Mul(weights, smoothing / classes));
        }

        var loss = graph.Reshape(graph.ReduceSum(graph.Mul(losses, share), [0]));
        var probability = graph.Div(exponential, sum);
        var scaled = own is null ? probability : graph.Mul(probability, graph.ReduceSum(wanted, [1]));
        var gradient = graph.Mul(graph.Sub(scaled, wanted), share);
        return new LossTerm(loss, graph.Reshape(gradient, scores.Shape), graph.Reshape(total));
    }

    private Value Counts(Value labels) => graph.Not(graph.Equal(labels, graph.Scalar(TensorElementType.Int64, options.IgnoreIndex)));
}
