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
    private readonly ValueTable _values;
    private readonly GraphIndex _index;
    private readonly HashSet<string> _outputs;

    private GeluFusion(GraphProto graph, ValueTable values)
    {
        _values = values;
        _index = new GraphIndex(graph);
        _outputs = graph.Output.Select(output => output.Name).ToHashSet(StringComparer.Ordinal);
    }

    /// <summary>Replaces every float32 GELU whose intermediate values nothing else reads.</summary>
    public static void Apply(GraphProto graph, ValueTable values)
    {
        if (!KernelLibrary.Contains("Gelu") || !KernelLibrary.Contains("GeluGrad"))
        {
            return;
        }

        var fusion = new GeluFusion(graph, values);
        for (var i = 0; i < graph.Node.Count; i++)
        {
            if (fusion.Match(graph.Node[i]) is var (x, last, approximate))
            {
                // The last node is where everything the new one reads is certain to be there.
                var fused = new NodeProto
                {
                    OpType = "Gelu", Domain = KernelLibrary.Domain, Name = last.Name, Input = { x }, Output = { last.Output[0] },
                };
                graph.Node[graph.Node.IndexOf(last)] = fused.SetString("approximate", approximate);
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
        return x is not null && _values[x].Type == TensorElementType.Float && Tail(node, x) is { } last ? (x, last, approximate) : null;
    }

    /// <summary>x where the value is x/√2.</summary>
    private string? ErfArgument(string value) => _index.Producer(value) switch
    {
        { OpType: "Div" } division when IsNumber(division.Input[1], Math.Sqrt(2)) => division.Input[0],
        { OpType: "Mul" } product => Factor(product, 1 / Math.Sqrt(2)),
        _ => null,
    };

    /// <summary>x where the value is √(2/π)·(x + 0.044715·x³).</summary>
    private string? TanhArgument(string value)
    {
        if (Scaled(value, Math.Sqrt(2 / Math.PI)) is not { } inner || _index.Producer(inner) is not { OpType: "Add" } sum)
        {
            return null;
        }

        for (var i = 0; i < 2; i++)
        {
            if (Scaled(sum.Input[1 - i], 0.044715) is { } cube && IsCube(cube, sum.Input[i]))
            {
                return sum.Input[i];
            }
        }

        return null;
    }

    /// <summary>The node that completes ½·x·(1 + t), whichever two factors are multiplied first.</summary>
    private NodeProto? Tail(NodeProto node, string x)
    {
        if (OnlyConsumer(node, "Add") is not { } plusOne || Other(plusOne, node.Output[0]) is not { } one || !IsNumber(one, 1)
            || OnlyConsumer(plusOne, "Mul") is not { } product)
        {
            return null;
        }

        var factor = Other(product, plusOne.Output[0]);
        if (factor is null)
        {
            return null;
        }

        if (Scaled(factor, 0.5) == x)
        {
            return product;
        }

        if (OnlyConsumer(product, "Mul") is not { } last || Other(last, product.Output[0]) is not { } rest)
        {
            return null;
        }

        return (factor == x && IsNumber(rest, 0.5)) || (IsNumber(factor, 0.5) && rest == x) ? last : null;
    }

    private NodeProto? OnlyConsumer(NodeProto node, string operatorName) =>
        !_outputs.Contains(node.Output[0]) && _index.Consumers(node.Output[0]) is [{ } consumer] && consumer.OpType == operatorName ? consumer : null;

    private static string? Other(NodeProto node, string input) =>
        node.Input[0] == input ? node.Input[1] : node.Input[1] == input ? node.Input[0] : null;

    private string? Scaled(string value, double factor) =>
        _index.Producer(value) is { OpType: "Mul" } product ? Factor(product, factor) : null;

    private string? Factor(NodeProto product, double number) =>
        IsNumber(product.Input[0], number) ? product.Input[1] : IsNumber(product.Input[1], number) ? product.Input[0] : null;

    private bool IsCube(string value, string x) => _index.Producer(value) switch
    {
        { OpType: "Pow" } power => power.Input[0] == x && IsNumber(power.Input[1], 3),
        { OpType: "Mul" } product when Other(product, x) is { } square => _index.Producer(square) switch
        {
            { OpType: "Mul" } inner => inner.Input[0] == x && inner.Input[1] == x,
            { OpType: "Pow" } power => power.Input[0] == x && IsNumber(power.Input[1], 2),
            _ => false,
        },
        _ => false,
    };

    private bool IsNumber(string value, double number) =>
        _values.Constant(value) is { } tensor && tensor.ElementCount() == 1 && tensor.ElementType() is TensorElementType.Float
        && Math.Abs(tensor.ToSingles()[0] - number) <= 1e-6 * Math.Abs(number);
}
