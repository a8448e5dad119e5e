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

    /// <summary>The description of a value.</summary>
    /// <exception cref="OnnxFormatException">The table does not know the value.</exception>
    public ValueDescription this[string name] => _values.TryGetValue(name, out var value)
        ? value
        : throw new OnnxFormatException($"The type and shape of value '{name}' are not known; check that the graph has such a value.");

    /// <summary>All descriptions, in no particular order.</summary>
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
    public bool TryGet(string name, [NotNullWhen(true)] out ValueDescription? value) => _values.TryGetValue(name, out value);

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
    public TensorProto? Constant(string name) => _constants.GetValueOrDefault(name);

    /// <summary>Records the data of a constant value, and its type and shape with it.</summary>
    public void SetConstant(string name, TensorProto value)
    {
        ArgumentNullException.ThrowIfNull(value);
        _constants[name] = value;
        _values[name] = new ValueDescription(name, value.ElementType(), value.Shape());
    }

    /// <summary>Forgets the data of a value, as when an initializer becomes trainable; its type and shape stay.</summary>
    public void RemoveConstant(string name) => _constants.Remove(name);
}
