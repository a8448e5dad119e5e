using OrtZero.Onnx;
using OrtZero.Onnx.Protobuf;

namespace OrtZero.Autograd.Internal;

/// <summary>What fusions ask of a graph: factors, constants, and whether a value is read in one place only.</summary>
internal sealed class FusionPatterns(GraphProto graph, ValueTable values)
{
    private readonly GraphIndex _index = new(graph);
    private readonly HashSet<string> _outputs = graph.Output.Select(output => output.Name).ToHashSet(StringComparer.Ordinal);

    /// <summary>Puts one node in the place of the last of those it stands for, where everything it reads is certain to be there.</summary>
    /// <returns>False when another fusion took that place before.</returns>
    public bool Replace(NodeProto last, NodeProto fused)
    {
        var place = graph.Node.IndexOf(last);
        if (place < 0)
        {
            return false;
        }

        fused.Name = last.Name;
        graph.Node[place] = fused;
        return true;
    }

    /// <summary>Makes a value known that a fused node gives besides.</summary>
    public void Add(ValueDescription value) => values.Add(value);

    public long[] Shape(string value) => values[value].Shape;

    public long[]? Integers(string value) => values.Constant(value)?.ToInt64s();

    public NodeProto? Producer(string value) => _index.Producer(value);

    public bool IsFloat(string value) => values.TryGet(value, out var description) && description.Type == TensorElementType.Float;

    /// <summary>The one node that reads a node's result, if it is of the given operator.</summary>
    public NodeProto? OnlyConsumer(NodeProto node, string operatorName) =>
        OnlyConsumer(node) is { } consumer && consumer.OpType == operatorName ? consumer : null;

    /// <summary>The one node that reads a node's result, or null when several do or the graph gives it out.</summary>
    public NodeProto? OnlyConsumer(NodeProto node) =>
        !_outputs.Contains(node.Output[0]) && _index.Consumers(node.Output[0]) is [{ } consumer] ? consumer : null;

    /// <summary>The other input of a node with two.</summary>
    public static string? Other(NodeProto node, string input) =>
        node.Input[0] == input ? node.Input[1] : node.Input[1] == input ? node.Input[0] : null;

    /// <summary>What a value is the given multiple of.</summary>
    public string? Scaled(string value, double factor) => Producer(value) is { OpType: "Mul" } product ? Factor(product, factor) : null;

    /// <summary>The other factor of a product with the given number.</summary>
    public string? Factor(NodeProto product, double number) =>
        IsNumber(product.Input[0], number) ? product.Input[1] : IsNumber(product.Input[1], number) ? product.Input[0] : null;

    /// <summary>Whether a value is x², as a power or a product.</summary>
    public bool IsSquare(string value, string x) => Producer(value) switch
    {
        { OpType: "Mul" } product => product.Input[0] == x && product.Input[1] == x,
        { OpType: "Pow" } power => power.Input[0] == x && IsNumber(power.Input[1], 2),
        _ => false,
    };

    public bool IsNumber(string value, double number) => Number(value) is { } constant && Math.Abs(constant - number) <= 1e-6 * Math.Abs(number);

    /// <summary>The constant that a value of one float32 element holds.</summary>
    public float? Number(string value) =>
        values.Constant(value) is { } tensor && tensor.ElementCount() == 1 && tensor.ElementType() is TensorElementType.Float ? tensor.ToSingles()[0] : null;
}
