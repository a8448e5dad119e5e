using OrtZero.Autograd.Internal;
using OrtZero.Onnx;

namespace OrtZero.Autograd.Rules;

/// <summary>Losses inside a model. Stock builds run them as function bodies too.</summary>
internal static class LossRules
{
    public static void Register(GradientRuleSet rules)
    {
        rules.AddLowering("SoftmaxCrossEntropyLoss", CrossEntropy);
        rules.AddLowering("NegativeLogLikelihoodLoss", context => Likelihood(context, context.X));
    }

    private static bool CrossEntropy(LoweringContext context)
    {
        var logarithms = context.Graph.Unary("LogSoftmax", context.X, node => node.SetInt("axis", 1));
        context.Return(1, logarithms);
        return Likelihood(context, logarithms);
    }

    /// <summary>-w·log p of the label's class (axis 1), each, summed, or divided by the sum of the weights that count.</summary>
    private static bool Likelihood(LoweringContext context, Value logarithms)
    {
        var graph = context.Graph;
        var labels = graph.Cast(context.Input(1), TensorElementType.Int64);
        var ignored = context.Node.Attribute.FirstOrDefault(attribute => attribute.Name == "ignore_index")?.I;
        var zero = graph.Scalar(TensorElementType.Int64, 0);
        var counts = ignored is { } index ? graph.Not(graph.Equal(labels, graph.Scalar(TensorElementType.Int64, index))) : null;
        var position = counts is null ? labels : graph.Where(counts, labels, zero);
        var weight = context.OptionalInput(2) is { } weights
            ? graph.Gather(weights, position, 0)
            : graph.Filled(logarithms.Type, labels.Shape, 1);
        weight = counts is null ? weight : graph.Masked(counts, weight);
        long[] column = [labels.Shape[0], 1, .. labels.Shape.AsSpan(1)];
        var taken = graph.Reshape(graph.GatherElements(logarithms, graph.Reshape(position, column), 1), labels.Shape);
        var losses = graph.Neg(graph.Mul(taken, weight));
        var axes = Shapes.Range(labels.Shape.Length);
        context.Return(0, context.Node.GetString("reduction", "mean") switch
        {
            "none" => losses,
            "sum" => graph.ReduceSum(losses, axes, keep: false),
            _ => graph.Div(graph.ReduceSum(losses, axes, keep: false), graph.ReduceSum(weight, axes, keep: false)),
        });
        return true;
    }
}
