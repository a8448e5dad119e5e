using OrtZero.Kernels;
using OrtZero.Onnx;
using OrtZero.Onnx.Protobuf;

namespace OrtZero.Autograd.Internal;

/// <summary>
/// Finds the root mean square normalization x/√(mean(x²) + ε)·scale over the last axis, written out as exporters do or as ONNX's
/// RMSNormalization, and makes one operator of it that keeps only the inverse deviation for its gradient.
/// </summary>
internal sealed class RmsNormalizationFusion(FusionPatterns patterns)
{
    /// <summary>Replaces the one that a node is the heart of, if it is float32 and nothing else reads its intermediate values.</summary>
    public void Fuse(NodeProto node)
    {
        if (Match(node) is not var (x, scale, epsilon, last, axis))
        {
            return;
        }

        var output = last.Output[0];
        var inverse = $"{output}/inv_std";
        var fused = new NodeProto { OpType = "RmsNormalization", Domain = KernelLibrary.Domain, Input = { x, scale }, Output = { output, inverse } };
        if (patterns.Replace(last, fused.SetFloat("epsilon", epsilon).SetInt("axis", axis)))
        {
            patterns.Add(new(inverse, TensorElementType.Float, [.. patterns.Shape(x).Select((length, i) => i < axis ? length : 1)]));
        }
    }

    private Found? Match(NodeProto node) => node switch
    {
        { OpType: "RMSNormalization", Domain: "" } => Standard(node),
        { OpType: "Sqrt" } => WrittenOut(node),
        _ => null,
    };

    private Found? Standard(NodeProto node)
    {
        var (x, scale) = (node.Input[0], node.Input[1]);
        var axis = Shapes.Axis(node.GetInt("axis", -1), patterns.Shape(x).Length);
        return Fits(x, scale, axis) && node.GetInt("stash_type", 1) == 1 ? new(x, scale, node.GetFloat("epsilon", 1e-5f), node, axis) : null;
    }

    private Found? WrittenOut(NodeProto root)
    {
        if (patterns.Producer(root.Input[0]) is not { OpType: "Add" } sum || Epsilon(sum) is not var (mean, epsilon)
            || Mean(mean) is not { } x || Normalized(root, x) is not { } normalized || patterns.OnlyConsumer(normalized, "Mul") is not { } last
            || FusionPatterns.Other(last, normalized.Output[0]) is not { } scale)
        {
            return null;
        }

        var axis = patterns.Shape(x).Length - 1;
        return Fits(x, scale, axis) ? new(x, scale, epsilon, last, axis) : null;
    }

    private (NodeProto Mean, float Epsilon)? Epsilon(NodeProto sum)
    {
        for (var i = 0; i < 2; i++)
        {
            if (patterns.Number(sum.Input[i]) is { } epsilon && patterns.Producer(sum.Input[1 - i]) is { OpType: "ReduceMean" } mean
                && patterns.OnlyConsumer(mean) is not null)
            {
                return (mean, epsilon);
            }
        }

        return null;
    }

    /// <summary>x where the node is the mean of x² over the last axis.</summary>
    private string? Mean(NodeProto mean)
    {
        if (patterns.Producer(mean.Input[0]) is not { } square || square.Input[0] is not { } x || !patterns.IsSquare(mean.Input[0], x)
            || !patterns.IsFloat(x) || mean.GetInt("keepdims", 1) != 1)
        {
            return null;
        }

        var axes = mean.GetInts("axes") is { Length: > 0 } attribute ? attribute
            : mean.Input.Count > 1 ? patterns.Integers(mean.Input[1]) : null;
        var rank = patterns.Shape(x).Length;
        return axes is [var axis] && (axis == -1 || axis == rank - 1) ? x : null;
    }

    /// <summary>The node that gives x/√…, as a quotient or as a product with the inverse.</summary>
    private NodeProto? Normalized(NodeProto root, string x)
    {
        switch (patterns.OnlyConsumer(root))
        {
            case { OpType: "Div" } quotient when quotient.Input[0] == x && quotient.Input[1] == root.Output[0]:
                return quotient;
            case { OpType: "Div" } one when patterns.IsNumber(one.Input[0], 1):
                return Product(one);
            case { OpType: "Reciprocal" } reciprocal:
                return Product(reciprocal);
            default:
                return null;
        }

        NodeProto? Product(NodeProto inverse) =>
            patterns.OnlyConsumer(inverse, "Mul") is { } product && FusionPatterns.Other(product, inverse.Output[0]) == x ? product : null;
    }

    private bool Fits(string x, string scale, int axis) =>
        patterns.IsFloat(x) && patterns.IsFloat(scale) && Shapes.Same(patterns.Shape(scale), patterns.Shape(x).AsSpan(axis));

    private readonly record struct Found(string X, string Scale, float Epsilon, NodeProto Last, int Axis);
}
