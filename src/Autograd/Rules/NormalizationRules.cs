using OrtZero.Autograd.Internal;
using OrtZero.Kernels;
using OrtZero.Onnx;

namespace OrtZero.Autograd.Rules;

/// <summary>Normalization layers. x̂ is the normalized input before scale and bias, r the inverse standard deviation.</summary>
internal static class NormalizationRules
{
    public static void Register(GradientRuleSet rules)
    {
        rules.Add("LayerNormalization", LayerNormalization);
        rules.Add("BatchNormalization", BatchNormalization);
        rules.Add("SimplifiedLayerNormalization", RootMeanSquare);
        rules.Add("RMSNormalization", RootMeanSquare);
        rules.Add("RmsNormalization", RootMeanSquare, KernelLibrary.Domain);
    }

    /// <summary>
    /// With b = dy·scale: dx = r·(b - mean(b) - x̂·mean(b·x̂)), dscale = Σ dy·x̂, dbias = Σ dy. Mean and r are outputs of the operator.
    /// </summary>
    private static void LayerNormalization(RuleContext context)
    {
        var graph = context.Graph;
        var x = context.X;
        var scale = context.Input(1);
        var axis = context.Axis("axis", -1);
        var shape = x.Shape;
        long[] statistics = [.. shape.AsSpan(0, axis), .. Enumerable.Repeat(1L, shape.Length - axis)];
        var statisticsType = (TensorElementType)context.Node.GetInt("stash_type", (long)TensorElementType.Float);
        var mean = graph.Cast(context.ExtraOutput(1, statisticsType, statistics), x.Type);
        var inverse = graph.Cast(context.ExtraOutput(2, statisticsType, statistics), x.Type);
        var hasBias = context.HasInput(2);
        Statistics(context, x, mean, inverse, axis);
        if (graph.CanFuse("LayerNormalizationGrad", x.Type) && Shapes.Same(scale.Shape, shape.AsSpan(axis)))
        {
            var results = graph.Nodes(
                "LayerNormalizationGrad", [context.DY, x, scale, mean, inverse],
                [(x.Type, shape), (x.Type, scale.Shape), (x.Type, scale.Shape)],
                node => node.SetInt("axis", axis), KernelLibrary.Domain);
            context.Give(0, results[0]);
            context.Give(1, results[1]);
            if (hasBias)
            {
                context.Give(2, results[2]);
            }

            return;
        }

        var normalized = graph.Mul(graph.Sub(x, mean), inverse);
        if (context.Needs(0))
        {
            var axes = Shapes.Range(shape.Length)[axis..];
            var share = 1.0 / Math.Max(1, Shapes.Count(shape.AsSpan(axis)));
            var weighted = graph.Mul(context.DY, scale);
            var centered = graph.Sub(weighted, graph.Mul(graph.ReduceSum(weighted, axes), share));
            var along = graph.Mul(graph.ReduceSum(graph.Mul(weighted, normalized), axes), share);
            context.Give(0, graph.Mul(graph.Sub(centered, graph.Mul(normalized, along)), inverse));
        }

        if (context.Needs(1))
        {
            context.Give(1, graph.Mul(context.DY, normalized));
        }

        if (hasBias)
        {
            context.Give(2, context.DY);
        }
    }

    /// <summary>What the outputs for mean and r add: dmean/n and -dr·r²·x̂/n.</summary>
    private static void Statistics(RuleContext context, Value x, Value mean, Value inverse, int axis)
    {
        var graph = context.Graph;
        var share = 1.0 / Math.Max(1, Shapes.Count(x.Shape.AsSpan(axis)));
        if (context.Needs(0) && context.Gradient(1) is { } dMean)
        {
            context.GiveBroadcast(0, graph.Mul(graph.Cast(dMean, x.Type), share));
        }

        if (context.Needs(0) && context.Gradient(2) is { } dInverse)
        {
            var cube = graph.Mul(graph.Square(inverse), graph.Mul(inverse, -share));
            context.Give(0, graph.Mul(graph.Mul(graph.Sub(x, mean), cube), graph.Cast(dInverse, x.Type)));
        }
    }

    /// <summary>With r = 1/√(mean(x²) + ε), x̂ = x·r and b = dy·scale: dx = r·(b - x̂·mean(b·x̂)), dscale = Σ dy·x̂.</summary>
    private static void RootMeanSquare(RuleContext context)
    {
        var graph = context.Graph;
        var x = context.X;
        var axis = context.Axis("axis", -1);
        if (context.Needs(0) && context.Gradient(1) is { } dInverse)
        {
            // dr = -r³·x/n
            var deviation = graph.Cast(context.Output(1), x.Type);
            var cube = graph.Mul(graph.Square(deviation), graph.Mul(deviation, -1.0 / Math.Max(1, Shapes.Count(x.Shape.AsSpan(axis)))));
            context.Give(0, graph.Mul(graph.Mul(x, cube), graph.Cast(dInverse, x.Type)));
        }

        var scale = context.Input(1);
        if (context.Node.Domain == KernelLibrary.Domain && graph.CanFuse("RmsNormalizationGrad", x.Type))
        {
            var results = graph.Nodes(
                "RmsNormalizationGrad", [context.DY, x, scale, context.Output(1)], [(x.Type, x.Shape), (x.Type, scale.Shape)],
                node => node.SetInt("axis", axis), KernelLibrary.Domain);
            context.Give(0, results[0]);
            context.Give(1, results[1]);
            return;
        }

        var axes = Shapes.Range(x.Shape.Length)[axis..];
        var share = 1.0 / Math.Max(1, Shapes.Count(x.Shape.AsSpan(axis)));
        var square = graph.Mul(graph.ReduceSum(graph.Square(x), axes), share);
        var inverse = graph.Div(1, graph.Sqrt(graph.Add(square, context.Node.GetFloat("epsilon", 1e-5f))));
        var normalized = graph.Mul(x, inverse);
        if (context.Needs(0))
        {
            var weighted = graph.Mul(context.DY, scale);
            var along = graph.Mul(graph.ReduceSum(graph.Mul(weighted, normalized), axes), share);
            context.Give(0, graph.Mul(graph.Sub(weighted, graph.Mul(normalized, along)), inverse));
        }

        if (context.Needs(1))
        {
            context.Give(1, graph.Mul(context.DY, normalized));
        }
    }

    /// <summary>
    /// Inference mode, with r = 1/√(var + ε): dx = dy·scale·r, dscale = r·Σ dy·(x - mean), dbias = Σ dy, dmean = -scale·r·Σ dy and
    /// dvar = -½·scale·r³·Σ dy·(x - mean), with the sums over everything but the channels (axis 1). Running statistics are constants, and
    /// then the last two are not asked for.
    /// </summary>
    private static void BatchNormalization(RuleContext context)
    {
        if (BatchStatistics.IsTraining(context.Node))
        {
            TrainingBatchNormalization(context);
            return;
        }

        var graph = context.Graph;
        var x = context.X;
        var channels = x.Shape.Length > 1 ? x.Shape[1] : 1;
        long[] perChannel = [channels, .. Enumerable.Repeat(1L, Math.Max(0, x.Shape.Length - 2))];
        var epsilon = context.Node.GetFloat("epsilon", 1e-5f);
        var variance = graph.Cast(context.Input(4), x.Type);
        var inverse = graph.Div(1, graph.Sqrt(graph.Add(variance, epsilon)));
        var dy = context.DY;
        if (context.Needs(0))
        {
            context.Give(0, graph.Mul(dy, graph.Reshape(graph.Mul(graph.Cast(context.Input(1), x.Type), inverse), perChannel)));
        }

        var total = context.Needs(2) || context.Needs(3) ? SumPerChannel(graph, dy) : null;
        if (context.Needs(1) || context.Needs(4))
        {
            var mean = graph.Reshape(graph.Cast(context.Input(3), x.Type), perChannel);
            var along = graph.Mul(SumPerChannel(graph, graph.Mul(dy, graph.Sub(x, mean))), inverse);
            context.Give(1, graph.Cast(along, context.Input(1).Type));
            if (context.Needs(4))
            {
                var half = graph.Mul(graph.Mul(along, graph.Cast(context.Input(1), x.Type)), -0.5);
                context.Give(4, graph.Cast(graph.Mul(half, graph.Square(inverse)), context.Input(4).Type));
            }
        }

        if (context.Needs(2))
        {
            context.Give(2, graph.Cast(total!, context.Input(2).Type));
        }

        if (context.Needs(3))
        {
            var factor = graph.Mul(graph.Cast(context.Input(1), x.Type), inverse);
            context.Give(3, graph.Cast(graph.Neg(graph.Mul(total!, factor)), context.Input(3).Type));
        }
    }

    /// <summary>
    /// Training mode, mean and r being those of the batch: with b = dy·scale, dx = r·(b - mean(b) - x̂·mean(b·x̂)), dscale = Σ dy·x̂,
    /// dbias = Σ dy, all means and sums over everything but the channels.
    /// </summary>
    private static void TrainingBatchNormalization(RuleContext context)
    {
        var graph = context.Graph;
        var x = context.X;
        var dy = context.DY;
        var (_, centered) = BatchStatistics.Center(graph, x);
        var inverse = graph.Div(1, graph.Sqrt(graph.Add(BatchStatistics.Variance(graph, centered), context.Node.GetFloat("epsilon", 1e-5f))));
        var normalized = graph.Mul(centered, inverse);
        var axes = BatchStatistics.Axes(x);
        var sum = graph.ReduceSum(dy, axes);
        var along = graph.ReduceSum(graph.Mul(dy, normalized), axes);
        if (context.Needs(0))
        {
            var share = (double)Shapes.Count(sum.Shape) / Math.Max(1, Shapes.Count(x.Shape));
            var factor = graph.Mul(graph.Reshape(graph.Cast(context.Input(1), x.Type), sum.Shape), inverse);
            var rest = graph.Sub(graph.Sub(dy, graph.Mul(sum, share)), graph.Mul(normalized, graph.Mul(along, share)));
            var gradient = graph.Mul(rest, factor);
            graph.MarkCentered(gradient);
            context.Give(0, gradient);
        }

        if (context.Needs(1))
        {
            context.Give(1, graph.Cast(graph.Reshape(along, context.Input(1).Shape), context.Input(1).Type));
        }

        if (context.Needs(2))
        {
            context.Give(2, graph.Cast(graph.Reshape(sum, context.Input(2).Shape), context.Input(2).Type));
        }
    }

    private static Value SumPerChannel(GraphEmitter graph, Value x) =>
        graph.ReduceSum(x, [.. Shapes.Range(x.Shape.Length).Where(axis => axis != 1)], keep: false);
}
