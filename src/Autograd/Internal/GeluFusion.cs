using OrtZero.Kernels;
using OrtZero.Onnx;
using OrtZero.Onnx.Protobuf;

namespace OrtZero.Autograd.Internal;

/// <summary>
/// Finds GELU written out in elementary operators, as exporters do, and makes one operator of it. Its gradient then needs x alone instead
/// of every intermediate value.
/// </summary>
internal sealed class GeluFusion(FusionPatterns patterns)
{
    /// <summary>Replaces the GELU that a node is the heart of, if it is float32 and nothing else reads its intermediate values.</summary>
    public void Fuse(NodeProto node)
    {
        if (Match(node) is var (x, last, approximate))
        {
            var fused = new NodeProto { OpType = "Gelu", Domain = KernelLibrary.Domain, Input = { x }, Output = { last.Output[0] } };
            patterns.Replace(last, fused.SetString("approximate", approximate));
        }
    }

    private (string X, NodeProto Last, string Approximate)? Match(NodeProto node)
    {
        var (x, approximate) = node.OpType switch
        {
            "Erf" => (ErfArgument(node.Input[0]), "none"),
            "Tanh" => (TanhArgument(node.Input[0]), "tanh"),
            _ => (null, ""),
        };
        return x is not null && patterns.IsFloat(x) && Tail(node, x) is { } last ? (x, last, approximate) : null;
    }

    /// <summary>x where the value is x/√2.</summary>
    private string? ErfArgument(string value) => patterns.Producer(value) switch
    {
        { OpType: "Div" } division when patterns.IsNumber(division.Input[1], Math.Sqrt(2)) => division.Input[0],
        { OpType: "Mul" } product => patterns.Factor(product, 1 / Math.Sqrt(2)),
        _ => null,
    };

    /// <summary>x where the value is √(2/π)·(x + 0.044715·x³).</summary>
    private string? TanhArgument(string value)
    {
        if (patterns.Scaled(value, Math.Sqrt(2 / Math.PI)) is not { } inner || patterns.Producer(inner) is not { OpType: "Add" } sum)
        {
            return null;
        }

        for (var i = 0; i < 2; i++)
        {
            if (patterns.Scaled(sum.Input[1 - i], 0.044715) is { } cube && IsCube(cube, sum.Input[i]))
            {
                return sum.Input[i];
            }
        }

        return null;
    }

    /// <summary>The node that completes ½·x·(1 + t), whichever two factors are multiplied first.</summary>
    private NodeProto? Tail(NodeProto node, string x)
    {
        if (patterns.OnlyConsumer(node, "Add") is not { } plusOne || FusionPatterns.Other(plusOne, node.Output[0]) is not { } one || !patterns.IsNumber(one, 1)
            || patterns.OnlyConsumer(plusOne, "Mul") is not { } product)
        {
            return null;
        }

        var factor = FusionPatterns.Other(product, plusOne.Output[0]);
        if (factor is null)
        {
            return null;
        }

        if (patterns.Scaled(factor, 0.5) == x)
        {
            return product;
        }

        if (patterns.OnlyConsumer(product, "Mul") is not { } last || FusionPatterns.Other(last, product.Output[0]) is not { } rest)
        {
            return null;
        }

        return (factor == x && patterns.IsNumber(rest, 0.5)) || (patterns.IsNumber(factor, 0.5) && rest == x) ? last : null;
    }

    private bool IsCube(string value, string x) => patterns.Producer(value) switch
    {
        { OpType: "Pow" } power => power.Input[0] == x && patterns.IsNumber(power.Input[1], 3),
        { OpType: "Mul" } product => FusionPatterns.Other(product, x) is { } square && patterns.IsSquare(square, x),
        _ => false,
    };
}
