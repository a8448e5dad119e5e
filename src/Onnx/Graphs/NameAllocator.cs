using OrtZero.Onnx.Internal;
using OrtZero.Onnx.Protobuf;

namespace OrtZero.Onnx;

/// <summary>Gives out names that no value and no node of a graph, or of its subgraphs, has.</summary>
public sealed class NameAllocator
{
    private readonly HashSet<string> _taken = new(StringComparer.Ordinal);

    /// <summary>Collects the names of a graph and its subgraphs.</summary>
    public NameAllocator(GraphProto graph)
    {
        ArgumentNullException.ThrowIfNull(graph);
        Collect(graph);
    }

    /// <summary>Whether a name is in use.</summary>
    public bool IsTaken(string name) => _taken.Contains(name);

    /// <summary>The wanted name, or the wanted name with the first free <c>_1</c>, <c>_2</c>, … appended; taken from now on.</summary>
    public string Unique(string wanted)
    {
        var name = wanted;
        for (var number = 1; !_taken.Add(name); number++)
        {
            name = $"{wanted}_{number}";
        }

        return name;
    }

    /// <summary>Frees a name whose value is gone.</summary>
    public void Release(string name) => _taken.Remove(name);

    private void Collect(GraphProto graph)
    {
        _taken.UnionWith(graph.Input.Concat(graph.Output).Concat(graph.ValueInfo).Select(info => info.Name));
        _taken.UnionWith(graph.Initializer.Select(tensor => tensor.Name));
        _taken.UnionWith(graph.SparseInitializer.Select(tensor => tensor.Values?.Name ?? ""));
        foreach (var node in graph.Node)
        {
            _taken.Add(node.Name);
            _taken.UnionWith(node.Input);
            _taken.UnionWith(node.Output);
            foreach (var subgraph in TensorWalker.Subgraphs(node))
            {
                Collect(subgraph);
            }
        }
    }
}
