using System.Diagnostics.CodeAnalysis;
using OrtZero.Onnx.Protobuf;

namespace OrtZero.Onnx;

/// <summary>
/// Types and shapes of the values of a graph, and the values that are known to be constant. It only holds data; a probe run
/// fills it.
/// </summary>
public sealed class ValueTable
{
    private readonly Dictionary<string, ValueDescription> _values = new(StringComparer.Ordinal);
    private readonly Dictionary<string, TensorProto> _constants = new(StringComparer.Ordinal);
    private readonly Dictionary<(string Output, string Branch), BranchValues> _branches = [];
    private readonly ValueTable? _outer;

    /// <summary>An empty table.</summary>
    /// <param name="outer">For a subgraph: the table of the graph around it, whose values it sees.</param>
    public ValueTable(ValueTable? outer = null) => _outer = outer;

    /// <summary>The description of a value.</summary>
    /// <exception cref="OnnxFormatException">The table does not know the value.</exception>
    public ValueDescription this[string name] => TryGet(name, out var value)
        ? value
        : throw new OnnxFormatException($"The type and shape of value '{name}' are not known; check that the graph has such a value.");

    /// <summary>All descriptions of the graph itself, in no particular order.</summary>
    public IReadOnlyCollection<ValueDescription> Values => _values.Values;

    /// <summary>
    /// A table that knows the initializers and Constant nodes of a graph, with their data, and its inputs, outputs and
    /// intermediate values as far as the graph declares them with static shapes.
    /// </summary>
    public static ValueTable FromGraph(GraphProto graph)
    {
        ArgumentNullException.ThrowIfNull(graph);
        var table = new ValueTable();
        foreach (var info in graph.Input.Concat(graph.Output).Concat(graph.ValueInfo))
        {
            if (info.Shape() is { } shape && Array.TrueForAll(shape, length => length >= 0))
            {
                table.Add(new ValueDescription(info.Name, info.ElementType(), shape));
            }
        }

        foreach (var tensor in graph.Initializer)
        {
            table.SetConstant(tensor.Name, tensor);
        }

        foreach (var node in graph.Node)
        {
            if (Internal.ConstantNode.TryRead(node) is { } value)
            {
                table.SetConstant(node.Output[0], value);
            }
        }

        return table;
    }

    /// <summary>Finds the description of a value.</summary>
    public bool TryGet(string name, [NotNullWhen(true)] out ValueDescription? value) =>
        _values.TryGetValue(name, out value) || (_outer is not null && _outer.TryGet(name, out value));

    /// <summary>Adds a description, or replaces the one of the same name.</summary>
    public void Add(ValueDescription value)
    {
        ArgumentNullException.ThrowIfNull(value);
        _values[value.Name] = value;
    }

    /// <summary>
    /// The data of a value that does not depend on the model's input data (an initializer, a Constant node, or something computed
    /// from shapes and constants), or null.
    /// </summary>
    public TensorProto? Constant(string name) => _values.ContainsKey(name) ? _constants.GetValueOrDefault(name) : _outer?.Constant(name);

    /// <summary>Records the data of a constant value, and its type and shape with it.</summary>
    public void SetConstant(string name, TensorProto value)
    {
        ArgumentNullException.ThrowIfNull(value);
        _constants[name] = value;
        _values[name] = new ValueDescription(name, value.ElementType(), value.Shape());
    }

    /// <summary>Forgets the data of a value, as when an initializer becomes trainable; its type and shape stay.</summary>
    public void RemoveConstant(string name) => _constants.Remove(name);

    /// <summary>What is known of the inside of a branch of an If node, or null when it was not looked at.</summary>
    /// <param name="node">The node.</param>
    /// <param name="branch">One of <see cref="Subgraphs.BranchNames"/>.</param>
    public BranchValues? Branch(NodeProto node, string branch)
    {
        ArgumentNullException.ThrowIfNull(node);
        return _branches.GetValueOrDefault((Key(node), branch)) ?? _outer?.Branch(node, branch);
    }

    /// <summary>Records what is known of the inside of a branch of an If node.</summary>
    public void SetBranch(NodeProto node, string branch, BranchValues values)
    {
        ArgumentNullException.ThrowIfNull(node);
        _branches[(Key(node), branch)] = values;
    }

    /// <summary>Nodes may lack a name; the first output is one of its own.</summary>
    private static string Key(NodeProto node) => node.Output.FirstOrDefault(output => output.Length > 0) ?? "";
}
