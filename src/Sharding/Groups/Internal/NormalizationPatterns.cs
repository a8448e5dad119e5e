using OrtZero.Onnx.Protobuf;

namespace OrtZero.Sharding.Internal;

/// <summary>
/// Recognizes normalized values, before scale and shift, in the shapes exporters write them:
/// x / sqrt(mean(x²) + ε), x · 1 / sqrt(…), x · (…)^-0.5, x / max(‖x‖, ε), and the same with x − mean(x).
/// </summary>
internal sealed class NormalizationPatterns(ParameterGraph graph)
{
    // Longer chains of constants around a variance do not occur; the limit keeps odd graphs cheap.
    private const int Limit = 8;

    /// <summary>The kind of normalization whose unscaled result a value is, or null.</summary>
    public ModuleKind? Normalized(string value) => Normalized(value, Limit);

    /// <summary>The kind of normalization whose result, scaled or not, a value is, or null.</summary>
    public ModuleKind? Scaled(string value)
    {
        if (Normalized(value) is { } unscaled)
        {
            return unscaled;
        }

        var node = graph.Producer(graph.SkipMoves(value));
        if (node is not { OpType: "Mul" })
        {
            return null;
        }

        return graph.IsFixed(node.Input[1]) ? Normalized(node.Input[0])
            : graph.IsFixed(node.Input[0]) ? Normalized(node.Input[1])
            : null;
    }

    private ModuleKind? Normalized(string value, int limit)
    {
        value = graph.SkipMoves(value);
        var node = graph.Producer(value);
        if (node is null || limit == 0)
        {
            return null;
        }

        if (OperatorSets.Normalizations.TryGetValue(node.OpType, out var subtractsMean))
        {
            return node.Output[0] != value || HasOwnScale(node) ? null
                : subtractsMean ? ModuleKind.Normalization : ModuleKind.RmsNormalization;
        }

        switch (node.OpType)
        {
            case "Div":
                return graph.Scalar(node.Input[1]) is not null ? Normalized(node.Input[0], limit - 1)
                    : IsSpread(node.Input[1], limit - 1) ? KindOf(node.Input[0])
                    : null;
            case "Mul":
                return UnderFactor(node.Input[0], node.Input[1], limit) ?? UnderFactor(node.Input[1], node.Input[0], limit);
            default:
                return null;
        }
    }

    private ModuleKind? UnderFactor(string value, string factor, int limit) =>
        graph.Scalar(factor) is not null && !graph.IsParameter(graph.SkipMoves(factor)) ? Normalized(value, limit - 1)
        : IsInverseSpread(factor, limit - 1) ? KindOf(value)
        : null;

    // Scaling what was scaled by a trained parameter already is something else (layer scale). Group normalization is exported
    // as an instance normalization with a scale of ones, followed by the real scale.
    private bool HasOwnScale(NodeProto node) =>
        node.OpType != "InstanceNormalization" && node.Input.Skip(1).Any(input => graph.IsParameter(graph.SkipMoves(input)));

    private ModuleKind KindOf(string numerator)
    {
        var node = graph.Producer(graph.SkipMoves(numerator));
        return node is { OpType: "Sub" } && IsMean(node.Input[1]) ? ModuleKind.Normalization : ModuleKind.RmsNormalization;
    }

    private bool IsMean(string value) =>
        graph.Producer(graph.SkipMoves(value)) is { OpType: "ReduceMean" or "GlobalAveragePool" or "Div" or "Mul" };

    // A standard deviation or a Euclidean norm, kept away from zero in whatever way.
    private bool IsSpread(string value, int limit)
    {
        var node = graph.Producer(graph.SkipMoves(value));
        return limit > 0 && node is not null && node.OpType switch
        {
            "ReduceL2" => true,
            "Sqrt" => IsVariance(node.Input[0], limit - 1),
            "Pow" => graph.Scalar(node.Input[1]) == 0.5 && IsVariance(node.Input[0], limit - 1),
            "Add" or "Mul" or "Div" or "Max" or "Clip" => VaryingInput(node) is { } inner && IsSpread(inner, limit - 1),
            _ => false,
        };
    }

    private bool IsInverseSpread(string value, int limit)
    {
        var node = graph.Producer(graph.SkipMoves(value));
        return limit > 0 && node is not null && node.OpType switch
        {
            "Reciprocal" => IsSpread(node.Input[0], limit - 1),
            "Div" => graph.IsFixed(node.Input[0]) && IsSpread(node.Input[1], limit - 1),
            "Pow" => graph.Scalar(node.Input[1]) == -0.5 && IsVariance(node.Input[0], limit - 1),
            "Mul" => VaryingInput(node) is { } inner && IsInverseSpread(inner, limit - 1),
            _ => false,
        };
    }

    private bool IsVariance(string value, int limit)
    {
        var node = graph.Producer(graph.SkipMoves(value));
        return limit > 0 && node is not null && node.OpType switch
        {
            "ReduceSumSquare" => true,
            "ReduceMean" or "ReduceSum" or "GlobalAveragePool" => IsSquare(node.Input[0]),
            "Add" or "Mul" or "Div" or "Max" or "Clip" or "Relu" or "Abs" => VaryingInput(node) is { } inner && IsVariance(inner, limit - 1),
            "Sub" => IsVariance(node.Input[0], limit - 1),
            _ => false,
        };
    }

    private bool IsSquare(string value)
    {
        var node = graph.Producer(graph.SkipMoves(value));
        return node is { OpType: "Pow" } ? graph.Scalar(node.Input[1]) == 2 : node is { OpType: "Mul" } && node.Input[0] == node.Input[1];
    }

    // The only input that depends on the data, or null.
    private string? VaryingInput(NodeProto node)
    {
        var varying = node.Input.Where(input => input.Length > 0 && !graph.IsFixed(input)).ToList();
        return varying.Count == 1 ? varying[0] : null;
    }
}
