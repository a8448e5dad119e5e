using OrtZero.Onnx;
using OrtZero.Onnx.Protobuf;

namespace OrtZero.Autograd.Internal;

/// <summary>Gives written values the names that graph outputs must have.</summary>
/// <param name="graph">The graph.</param>
/// <param name="firstWritten">The index of the first node that was written; nodes before it belong to the model and keep their names.</param>
internal sealed class OutputNames(GraphProto graph, int firstWritten)
{
    private readonly Dictionary<string, string> _renamed = new(StringComparer.Ordinal);

    /// <summary>Makes a value available under the wanted name, or a free name that begins with it, and returns that name.</summary>
    public string Set(Value value, string wanted)
    {
        var name = wanted;
        while (IsUsed(name))
        {
            name += "_";
        }

        if (_renamed.TryGetValue(value.Name, out var taken))
        {
            Copy(taken, name);
            return name;
        }

        var producer = graph.Node.Skip(firstWritten).FirstOrDefault(node => node.Output.Contains(value.Name));
        if (producer is null || graph.Node.Skip(firstWritten).Any(node => node.Attribute.Any(attribute => attribute.G?.Captures().Contains(value.Name) == true)))
        {
            Copy(value.Name, name);
        }
        else
        {
            producer.Output[producer.Output.IndexOf(value.Name)] = name;
            foreach (var node in graph.Node.Skip(firstWritten))
            {
                for (var i = 0; i < node.Input.Count; i++)
                {
                    if (node.Input[i] == value.Name)
                    {
                        node.Input[i] = name;
                    }
                }
            }

            _renamed[value.Name] = name;
        }

        return name;
    }

    private void Copy(string from, string to) =>
        graph.Node.Add(new NodeProto { OpType = "Identity", Name = $"{to}_copy", Input = { from }, Output = { to } });

    private bool IsUsed(string name) =>
        graph.Input.Any(input => input.Name == name) || graph.Initializer.Any(tensor => tensor.Name == name)
        || graph.Node.Any(node => node.Output.Contains(name));
}
