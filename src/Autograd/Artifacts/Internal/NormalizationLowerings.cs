using OrtZero.Onnx;
using OrtZero.Onnx.Protobuf;

namespace OrtZero.Autograd.Internal;

/// <summary>Layer, RMS and batch normalization as the training graph has them.</summary>
internal static class NormalizationLowerings
{
    public static void AddTo(Dictionary<string, Action<LoweringGraph, NodeProto>> table)
    {
        table["LayerNormalizationGrad"] = (g, node) =>
        {
            var axis = node.GetInt("axis", -1);
            var x = Rows(g, node.Input[1], axis);
            var normalized = g.Mul(g.Sub(x, Rows(g, node.Input[3], axis)), Rows(g, node.Input[4], axis));
            LayerNorm(g, node, node.Input[0], normalized, Rows(g, node.Input[4], axis), node.Input[2], node.Input[1], axis, centered: true);
        };
        table["SimplifiedLayerNormalizationGrad"] = (g, node) =>
        {
            var axis = node.GetInt("axis", -1);
            var inverse = Rows(g, node.Input[3], axis);
            LayerNorm(g, node, node.Input[0], g.Mul(Rows(g, node.Input[1], axis), inverse), inverse, node.Input[2], node.Input[1], axis, centered: false);
        };
        table["InvertibleLayerNormalizationGrad"] = (g, node) =>
        {
            var axis = node.GetInt("axis", -1);
            var normalized = g.Div(g.Sub(Rows(g, node.Input[1], axis), g.Reshape(node.Input[3], 1, -1)), g.Reshape(node.Input[2], 1, -1));
            LayerNorm(g, node, node.Input[0], normalized, Rows(g, node.Input[4], axis), node.Input[2], node.Input[1], axis, centered: true);
        };
        table["BatchNormInternal"] = BatchNorm;
        table["BatchNormalizationGrad"] = BatchNormGradient;
    }

    private static string Rows(LoweringGraph g, string value, long axis) => ActivationLowerings.Flatten(g, value, axis);

    // With b = dY·γ and x̂ the normalized input: dX = r·(b - mean b - x̂·mean(b·x̂)), the first mean only where x was centred;
    // dγ = Σ dY·x̂ and dβ = Σ dY over rows.
    private static void LayerNorm(
        LoweringGraph g, NodeProto node, string dy, string normalized, string inverse, string scale, string like, long axis, bool centered)
    {
        var rows = Rows(g, dy, axis);
        var b = g.Mul(rows, g.Reshape(scale, 1, -1));
        var difference = g.Sub(b, g.Mul(normalized, g.ReduceMean(g.Mul(b, normalized), 1)));
        difference = centered ? g.Sub(difference, g.ReduceMean(b, 1)) : difference;
        g.Set(node.Output[0], g.Reshape(g.Mul(difference, inverse), g.Shape(like)));
        if (node.OutputOrEmpty(1).Length > 0)
        {
            g.Set(node.Output[1], g.Reshape(g.ReduceSum(g.Mul(rows, normalized), [0]), g.Shape(scale)));
        }

        if (node.OutputOrEmpty(2).Length > 0)
        {
            g.Set(node.Output[2], g.Reshape(g.ReduceSum(rows, [0]), g.Shape(scale)));
        }
    }

    // [N, C, ..] as [N, C, everything else]; a vector per channel as [1, C, 1].
    private static string Channels(LoweringGraph g, string value) => g.Reshape(value, 0, 0, -1);

    private static string PerChannel(LoweringGraph g, string value) => g.Reshape(value, 1, -1, 1);

    private static void BatchNorm(LoweringGraph g, NodeProto node)
    {
        var x = Channels(g, node.Input[0]);
        var mean = g.ReduceMean(x, 0, 2);
        var centered = g.Sub(x, mean);
        var variance = g.ReduceMean(g.Mul(centered, centered), 0, 2);
        var inverse = g.Div(g.Single(1), g.Op("Sqrt", g.Add(variance, g.Single(node.GetFloat("epsilon", 1e-5f)))));
        var y = g.Add(g.Mul(g.Mul(centered, inverse), PerChannel(g, node.Input[1])), PerChannel(g, node.Input[2]));
        g.Set(node.Output[0], g.Reshape(y, g.Shape(node.Input[0])));

        // ONNX: running = momentum·old + (1 - momentum)·batch, with the biased variance.
        var momentum = node.GetFloat("momentum", 0.9f);
        Running(1, node.Input[3], mean);
        Running(2, node.Input[4], variance);
        Saved(3, mean);
        Saved(4, inverse);

        void Running(int index, string old, string batch)
        {
            if (node.OutputOrEmpty(index).Length > 0)
            {
                g.Set(node.Output[index], g.Add(g.Mul(old, momentum), g.Mul(g.Reshape(batch, -1), 1 - momentum)));
            }
        }

        void Saved(int index, string value)
        {
            if (node.OutputOrEmpty(index).Length > 0)
            {
                g.Set(node.Output[index], g.Reshape(value, -1));
            }
        }
    }

    // The fifth input is called variance in the schema, and is the inverse standard deviation.
    private static void BatchNormGradient(LoweringGraph g, NodeProto node)
    {
        var dy = Channels(g, node.Input[0]);
        var inverse = PerChannel(g, node.Input[4]);
        var normalized = g.Mul(g.Sub(Channels(g, node.Input[1]), PerChannel(g, node.Input[3])), inverse);
        var product = g.Mul(dy, normalized);
        var difference = g.Sub(g.Sub(dy, g.ReduceMean(dy, 0, 2)), g.Mul(normalized, g.ReduceMean(product, 0, 2)));
        g.Set(node.Output[0], g.Reshape(g.Mul(difference, g.Mul(inverse, PerChannel(g, node.Input[2]))), g.Shape(node.Input[1])));
        if (node.OutputOrEmpty(1).Length > 0)
        {
            g.Set(node.Output[1], g.ReduceSum(product, [0, 2], keep: false));
        }

        if (node.OutputOrEmpty(2).Length > 0)
        {
            g.Set(node.Output[2], g.ReduceSum(dy, [0, 2], keep: false));
        }
    }
}
