using OrtZero.Onnx.Protobuf;

namespace OrtZero.Onnx.Internal;

/// <summary>Which values can influence a floating-point output of the graph in a differentiable way.</summary>
internal static class GradientReach
{
    /// <summary>Walks back from the outputs through inputs of operators that a gradient can pass.</summary>
    public static HashSet<string> Find(GraphProto graph, GraphIndex index)
    {
        var reached = new HashSet<string>(StringComparer.Ordinal);
        foreach (var output in graph.Output)
        {
            if (output.ElementType() is var type && (type == TensorElementType.Undefined || type.IsFloatingPoint()))
            {
                reached.Add(output.Name);
            }
        }

        foreach (var node in index.TopologicalOrder().Reverse())
        {
            if (!node.Output.Any(reached.Contains))
            {
                continue;
            }

            for (var i = 0; i < node.Input.Count; i++)
            {
                if (node.Input[i].Length > 0 && Passes(node, i))
                {
                    reached.Add(node.Input[i]);
                }
            }

            reached.UnionWith(SubgraphScope.Captures(node));
        }

        return reached;
    }

    /// <summary>False where an operator's output is discrete, or an input is an index, a shape, a bound or a statistic.</summary>
    private static bool Passes(NodeProto node, int input) => node.OpType switch
    {
        "Shape" or "Size" or "ArgMax" or "ArgMin" or "Equal" or "Greater" or "GreaterOrEqual" or "Less" or "LessOrEqual" or "Not"
            or "And" or "Or" or "Xor" or "IsNaN" or "IsInf" or "NonZero" or "NonMaxSuppression" or "RandomNormalLike"
            or "RandomUniformLike" or "EyeLike" or "ConstantOfShape" or "Bernoulli" or "Multinomial" or "Range" => false,
        "Cast" => ((TensorElementType)node.GetInt("to", 0)).IsFloatingPoint(),
        "BatchNormalization" => input <= 2,
        "LSTM" or "GRU" or "RNN" => input != 4,
        "Where" => input != 0,
        "OneHot" => input == 2,
        "Pad" => input is 0 or 2,
        "ScatterElements" or "ScatterND" or "Scatter" => input != 1,
        "Reshape" or "Expand" or "Tile" or "Slice" or "Gather" or "GatherElements" or "GatherND" or "Resize" or "Upsample" or "TopK"
            or "Split" or "Squeeze" or "Unsqueeze" or "Clip" or "Dropout" or "QuantizeLinear" or "DequantizeLinear" or "RoiAlign"
            or "Trilu" or "CumSum" or "ReduceSum" or "ReduceMean" or "ReduceMax" or "ReduceMin" or "ReduceProd" or "ReduceL1"
            or "ReduceL2" or "ReduceLogSum" or "ReduceLogSumExp" or "ReduceSumSquare" => input == 0,
        _ => true,
    };
}
