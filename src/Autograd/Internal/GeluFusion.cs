using OrtZero.Kernels;
using OrtZero.Onnx;
using OrtZero.Onnx.Protobuf;

namespace OrtZero.Autograd.Internal;

/// <summary>
/// Finds GELU written out in elementary operators, as exporters do, and makes one operator of it. Its gradient then needs x alone instead
/// of every intermediate value.
/// </summary>
internal sealed class GeluFusion
{
    private readonly FusionPatterns _patterns;

    private GeluFusion(FusionPatterns patterns) => _patterns = patterns;

    /// <summary>Replaces every float32 GELU whose intermediate values nothing else reads.</summary>
    public static void Apply(GraphProto graph, ValueTable values)
    {
        var fusion = new GeluFusion(new FusionPatterns(graph, values));
        for (var i = 0; i < graph.Node.Count; i++)
        {
            if (fusion.Match(graph.Node[i]) is var (x, last, approximate))
            {
                var fused = new NodeProto { OpType = "Gelu", Domain = KernelLibrary.Domain, Input = { x }, Output = { last.Output[0] } };
                fusion._patterns.Replace(last, fused.SetString("approximate", approximate));
            }
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
        return x is not null && _patterns.IsFloat(x) && Tail(node, x) is { } last ? (x, last, approximate) : null;
    }

    /// <summary>x where the value is x/√2.</summary>
    private string? ErfArgument(string value) => _patterns.Producer(value) switch
    {
        { OpType: "Div" } division when _patterns.IsNumber(division.Input[1], Math.Sqrt(2)) => division.Input[0],
        { OpType: "Mul" } product => _patterns.Factor(product, 1 / Math.Sqrt(2)),
        _ => null,
    };

    /// <summary>x where the value is √(2/π)·(x + 0.044715·x³).</summary>
    private string? TanhArgument(string value)
    {
        if (_patterns.Scaled(value, Math.Sqrt(2 / Math.PI)) is not { } inner || _patterns.Producer(inner) is not { OpType: "Add" } sum)
        {
            return null;
        }

        for (var i = 0; i < 2; i++)
        {
            if (_patterns.Scaled(sum.Input[1 - i], 0.044715) is { } cube && IsCube(cube, sum.Input[i]))
            {
                return sum.Input[i];
            }
        }

        return null;
    }

    /// <summary>The node that completes ½·x·(1 + t), whichever two factors are multiplied first.</summary>
    private NodeProto? Tail(NodeProto node, string x)
    {
        if (_patterns.OnlyConsumer(node, "Add") is not { } plusOne || FusionPatterns.Other(plusOne, node.Output[0]) is not { } one || !_patterns.IsNumber(one, 1)
            || _patterns.OnlyConsumer(plusOne, "Mul") is not { } product)
        {
            return null;
        }

        var factor = FusionPatterns.Other(product, plusOne.Output[0]);
        if (factor is null)
        {
            return null;
        }

        if (_patterns.Scaled(factor, 0.5) == x)
        {
            return product;
        }

        if (_patterns.OnlyConsumer(product, "Mul") is not { } last || FusionPatterns.Other(last, product.Output[0]) is not { } rest)
        {
            return null;
        }

        return (factor == x && _patterns.IsNumber(rest, 0.5)) || (_patterns.IsNumber(factor, 0.5) && rest == x) ? last : null;
    }

    private bool IsCube(string value, string x) => _patterns.Producer(value) switch
    {
        { OpType: "Pow" } power => power.Input[0] == x && _patterns.IsNumber(power.Input[1], 3),
        { OpType: "Mul" } product => FusionPatterns.Other(product, x) is { } square && _patterns.IsSquare(square, x),
        _ => false,
    };
}
