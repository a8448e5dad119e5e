using OrtZero.Onnx;

namespace OrtZero.Autograd.Internal;

/// <summary>
/// Writes the loss, and the gradient of the loss with respect to the model output it reads. An axis of length -1 (evaluation graphs)
/// is allowed everywhere but in the number of classes.
/// </summary>
internal sealed class LossEmitter(GraphEmitter graph, LossOptions options)
{
    /// <summary>The scalar loss and the gradient of <paramref name="output"/>, which has the same shape as the output.</summary>
    /// <param name="output">What the loss is of.</param>
    /// <param name="labels">Its labels, where it has some.</param>
    /// <param name="divisor">A scalar that both are divided by; <c>null</c>: none.</param>
    public LossTerm Emit(Value output, Value? labels, Value? divisor = null)
    {
        graph.Scope = "loss";
        var term = options.Type switch
        {
            LossType.CrossEntropy => new CrossEntropyEmitter(graph, options).Emit(output, labels!),
            LossType.MeanSquaredError => MeanSquaredError(output, labels!),
            LossType.L1 => L1(output, labels!),
            LossType.Huber => Huber(output, labels!),
            LossType.BinaryCrossEntropy => BinaryCrossEntropy(output, labels!),
            LossType.KullbackLeibler => KullbackLeibler(output, labels!),
            _ => new LossTerm(
                graph.Reshape(output), graph.Reshape(graph.Scalar(output.Type, 1), output.Shape), graph.Scalar(output.Type, 1)),
        };
        var factor = options.IsSum ? term.Count : divisor is null ? null : graph.Scalar(output.Type, 1);
        factor = factor is null || divisor is null ? factor : graph.Div(factor, divisor);
        if (factor is not null)
        {
            term = term with { Loss = graph.Mul(term.Loss, factor), Gradient = graph.Mul(term.Gradient, factor) };
        }

        return options.Weight == 1
            ? term
            : term with { Loss = graph.Mul(term.Loss, options.Weight), Gradient = graph.Mul(term.Gradient, options.Weight) };
    }

    private LossTerm MeanSquaredError(Value output, Value labels)
    {
        var difference = graph.Sub(output, labels);
        return Mean(graph.Square(difference), graph.Mul(difference, 2));
    }

    /// <summary>|d|, whose slope at 0 is 0.</summary>
    private LossTerm L1(Value output, Value labels)
    {
        var difference = graph.Sub(output, labels);
        return Mean(graph.Unary("Abs", difference), graph.Unary("Sign", difference));
    }

    /// <summary>½d² up to delta, δ(|d| - ½δ) beyond: with c = d bounded by delta, c·(d - ½c), whose slope is c.</summary>
    private LossTerm Huber(Value output, Value labels)
    {
        var difference = graph.Sub(output, labels);
        var bounded = graph.Clip(difference, -options.Delta, options.Delta);
        return Mean(graph.Mul(bounded, graph.Sub(difference, graph.Mul(bounded, 0.5))), bounded);
    }

    /// <summary>
    /// (1 - y)·x + l·log(1 + exp(-x)) with l = 1 + (p - 1)·y for the weight p of positives, and its slope (1 - y) - l·σ(-x). The logarithm
    /// is log(1 + exp(-|x|)) + max(-x, 0), which no score overflows.
    /// </summary>
    private LossTerm BinaryCrossEntropy(Value output, Value labels)
    {
        var negative = graph.Neg(output);
        var logarithm = graph.Add(
            graph.Log(graph.Add(graph.Exp(graph.Neg(graph.Unary("Abs", output))), 1)), graph.Unary("Relu", negative));
        var rest = graph.Sub(1, labels);
        var slope = graph.Unary("Sigmoid", negative);
        if (options.PositiveWeight is { } weights)
        {
            var extra = graph.Reals(output.Type, weights.Count == 1 ? [] : [weights.Count], [.. weights.Select(weight => weight - 1)]);
            var factor = graph.Add(graph.Mul(labels, extra), 1);
            (logarithm, slope) = (graph.Mul(factor, logarithm), graph.Mul(factor, slope));
        }

        return Mean(graph.Add(graph.Mul(rest, output), logarithm), graph.Sub(rest, slope));
    }

    /// <summary>Σ p·(log p - q) for log-probabilities q, divided by the length of the first axis.</summary>
    private LossTerm KullbackLeibler(Value output, Value labels)
    {
        var isPositive = graph.Greater(labels, 0);
        var logarithm = graph.Log(graph.Where(isPositive, labels, graph.Scalar(labels.Type, 1)));
        var losses = graph.Mul(labels, graph.Sub(logarithm, output));
        var perSample = graph.ReduceSum(losses, Shapes.Range(output.Shape.Length).AsSpan(Math.Min(1, output.Shape.Length)), keep: false);
        var samples = Math.Max(1, output.Shape.Length == 0 ? 1 : output.Shape[0]);
        return new LossTerm(MeanOf(perSample), graph.Mul(labels, -1.0 / samples), graph.Scalar(output.Type, samples));
    }

    /// <summary>The mean over all elements.</summary>
    private LossTerm Mean(Value losses, Value slopes)
    {
        var count = Math.Max(1, Shapes.Count(losses.Shape));
        return new LossTerm(MeanOf(losses), graph.Mul(slopes, 1.0 / count), graph.Scalar(losses.Type, count));
    }

    private Value MeanOf(Value losses) => graph.Node("ReduceMean", [losses], losses.Type, [], node => node.SetInt("keepdims", 0));
}
