using OrtZero.Autograd.Internal;
using OrtZero.Onnx;

namespace OrtZero.Autograd.Rules;

/// <summary>Normalizations that are written as others, or as their formula.</summary>
internal static class CompositeNormalizationRules
{
    private const string Microsoft = "com.microsoft";

    public static void Register(GradientRuleSet rules)
    {
        rules.AddLowering("BatchNormalization", TrainingBatchNormalization);
        rules.AddLowering("InstanceNormalization", InstanceNormalization);
        rules.AddLowering("GroupNormalization", GroupNormalization);
        rules.AddLowering("MeanVarianceNormalization", MeanVarianceNormalization);
        rules.AddLowering("LpNormalization", LpNormalization);
        rules.AddLowering("LRN", LocalResponse);
        rules.AddLowering("SkipLayerNormalization", context => SkipLayer(context, hasMean: true), Microsoft);
        rules.AddLowering("SkipSimplifiedLayerNormalization", context => SkipLayer(context, hasMean: false), Microsoft);
        rules.AddLowering("EmbedLayerNormalization", EmbedLayer, Microsoft);
    }

    /// <summary>Only the CPU runs the operator in training mode; elsewhere its formula is written.</summary>
    private static bool TrainingBatchNormalization(LoweringContext context)
    {
        if (context.IsFused || !BatchStatistics.IsTraining(context.Node))
        {
            return false;
        }

        var graph = context.Graph;
        context.KeepsRule = true;
        var (mean, centered) = BatchStatistics.Center(graph, context.X);
        var inverse = graph.Div(1, graph.Sqrt(graph.Add(BatchStatistics.Variance(graph, centered), context.Node.GetFloat("epsilon", 1e-5f))));
        var scale = graph.Cast(graph.Reshape(context.Input(1), mean.Shape), context.X.Type);
        var bias = graph.Cast(graph.Reshape(context.Input(2), mean.Shape), context.X.Type);
        context.Return(0, graph.Add(graph.Mul(graph.Mul(centered, inverse), scale), bias));
        return true;
    }

    private static bool InstanceNormalization(LoweringContext context)
    {
        var graph = context.Graph;
        var x = context.X;
        var normalized = Normalized(graph, x, Shapes.Range(x.Shape.Length)[2..], context.Node.GetFloat("epsilon", 1e-5f));
        context.Return(0, Affine(graph, normalized, context.Input(1), context.Input(2)));
        return true;
    }

    /// <summary>Set 18 scales each group, set 21 each channel.</summary>
    private static bool GroupNormalization(LoweringContext context)
    {
        var graph = context.Graph;
        var x = context.X;
        var groups = context.Node.GetInt("num_groups", 1);
        var grouped = graph.Reshape(x, x.Shape[0], groups, Shapes.Count(x.Shape.AsSpan(1)) / groups);
        var normalized = Normalized(graph, grouped, [2], context.Node.GetFloat("epsilon", 1e-5f));
        var isPerGroup = context.Input(1).Shape[0] == groups && groups != x.Shape[1];
        context.Return(0, isPerGroup
            ? graph.Reshape(Affine(graph, normalized, context.Input(1), context.Input(2)), x.Shape)
            : Affine(graph, graph.Reshape(normalized, x.Shape), context.Input(1), context.Input(2)));
        return true;
    }

    /// <summary>(x - mean)/(σ + 1e-9), as the operator is defined.</summary>
    private static bool MeanVarianceNormalization(LoweringContext context)
    {
        var graph = context.Graph;
        var x = context.X;
        long[] axes = [.. Shapes.Axes(context.Node.GetInts("axes") ?? [0, 2, 3], x.Shape.Length)];
        var share = Share(x, axes);
        var centered = graph.Sub(x, graph.Mul(graph.ReduceSum(x, axes), share));
        var deviation = graph.Sqrt(graph.Mul(graph.ReduceSum(graph.Square(centered), axes), share));
        context.Return(0, graph.Div(centered, graph.Add(deviation, 1e-9)));
        return true;
    }

    private static bool LpNormalization(LoweringContext context)
    {
        var graph = context.Graph;
        var axis = context.Axis("axis", -1);
        var norm = context.Node.GetInt("p", 2) == 1
            ? graph.ReduceSum(graph.Unary("Abs", context.X), [axis])
            : graph.Sqrt(graph.ReduceSum(graph.Square(context.X), [axis]));
        context.Return(0, graph.Div(context.X, norm));
        return true;
    }

    /// <summary>x·(bias + alpha/size · Σ x² over neighbouring channels)^-beta.</summary>
    private static bool LocalResponse(LoweringContext context)
    {
        var graph = context.Graph;
        var x = context.X;
        var size = context.Node.GetInt("size", 1);
        var before = new long[x.Shape.Length];
        var after = new long[x.Shape.Length];
        (before[1], after[1]) = ((size - 1) / 2, size - 1 - ((size - 1) / 2));
        var padded = graph.Pad(graph.Square(x), before, after);
        var sum = graph.Slice(padded, 1, 0, x.Shape[1]);
        for (var i = 1L; i < size; i++)
        {
            sum = graph.Add(sum, graph.Slice(padded, 1, i, i + x.Shape[1]));
        }

        var inner = graph.Add(graph.Mul(sum, context.Node.GetFloat("alpha", 0.0001f) / size), context.Node.GetFloat("bias", 1));
        context.Return(0, graph.Mul(x, graph.Pow(inner, graph.Scalar(x.Type, -context.Node.GetFloat("beta", 0.75f)))));
        return true;
    }

    /// <summary>A normalization of input + skip + bias; the sum, its mean and its inverse deviation are outputs of their own.</summary>
    private static bool SkipLayer(LoweringContext context, bool hasMean)
    {
        var graph = context.Graph;
        var bias = context.OptionalInput(hasMean ? 4 : 3);
        var sum = graph.Add(context.X, context.Input(1));
        sum = bias is null ? sum : graph.Add(sum, bias);
        var epsilon = context.Node.GetFloat("epsilon", 1e-12f);
        var normalized = hasMean
            ? Layer(graph, sum, context.Input(2), context.OptionalInput(3), epsilon)
            : graph.Node(
                "SimplifiedLayerNormalization", [sum, context.Input(2)], sum.Type, sum.Shape,
                node => node.SetInt("axis", -1).SetFloat("epsilon", epsilon));
        context.Return(0, normalized);
        if (hasMean)
        {
            ReturnStatistic(1, 1);
        }

        ReturnStatistic(2, hasMean ? 2 : 1);
        context.Return(3, sum);
        return true;

        void ReturnStatistic(int output, int index)
        {
            if (context.HasOutput(output))
            {
                context.Return(output, graph.AddOutput(
                    graph.Producer(normalized.Name)!, index, TensorElementType.Float, Shapes.With(sum.Shape, sum.Shape.Length - 1, 1)));
            }
        }
    }

    /// <summary>Words, positions and segments from their tables, added and normalized.</summary>
    private static bool EmbedLayer(LoweringContext context)
    {
        var graph = context.Graph;
        var ids = context.X;
        var words = graph.Gather(context.Input(2), ids, 0);
        var positions = context.OptionalInput(8) is { } given
            ? graph.Gather(context.Input(3), given, 0)
            : graph.Slice(context.Input(3), 0, 0, ids.Shape[1]);
        var sum = graph.Add(words, positions);
        if (context.OptionalInput(1) is { } segments && context.HasInput(4))
        {
            sum = graph.Add(sum, graph.Gather(context.Input(4), segments, 0));
        }

        if (context.HasOutput(1) && context.OptionalInput(7) is { } mask)
        {
            context.Return(1, graph.Node("ReduceSum", [mask, graph.Integers(1)], mask.Type, [mask.Shape[0]], node => node.SetInt("keepdims", 0)));
        }

        context.Return(0, Layer(graph, sum, context.Input(5), context.OptionalInput(6), context.Node.GetFloat("epsilon", 1e-12f)));
        context.Return(2, sum);
        return true;
    }

    private static Value Layer(GraphEmitter graph, Value x, Value scale, Value? bias, float epsilon) => graph.Node(
        "LayerNormalization", bias is null ? [x, scale] : [x, scale, bias], x.Type, x.Shape,
        node => node.SetInt("axis", -1).SetFloat("epsilon", epsilon), minimumOpset: 17);

    private static Value Normalized(GraphEmitter graph, Value x, long[] axes, double epsilon)
    {
        var share = Share(x, axes);
        var centered = graph.Sub(x, graph.Mul(graph.ReduceSum(x, axes), share));
        var variance = graph.Mul(graph.ReduceSum(graph.Square(centered), axes), share);
        return graph.Div(centered, graph.Sqrt(graph.Add(variance, epsilon)));
    }

    /// <summary>Scale and bias along axis 1.</summary>
    private static Value Affine(GraphEmitter graph, Value x, Value scale, Value bias)
    {
        long[] shape = [scale.Shape[0], .. Enumerable.Repeat(1L, x.Shape.Length - 2)];
        return graph.Add(graph.Mul(x, graph.Reshape(scale, shape)), graph.Reshape(bias, shape));
    }

    private static double Share(Value x, long[] axes) => 1.0 / Math.Max(1, axes.Aggregate(1L, (product, axis) => product * x.Shape[axis]));
}
