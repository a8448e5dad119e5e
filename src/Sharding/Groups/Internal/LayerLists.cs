using System.Globalization;
using OrtZero.Onnx.Protobuf;

namespace OrtZero.Sharding.Internal;

/// <summary>Finds the repeated blocks of a model: numbered modules such as "encoder.blocks.3".</summary>
internal static class LayerLists
{
    /// <summary>The lists of numbered modules and the numbers in each, in the order of the parameters.</summary>
    public static OrderedDictionary<string, SortedSet<int>> Find(IEnumerable<string> names)
    {
        var blocks = new OrderedDictionary<string, SortedSet<int>>(StringComparer.Ordinal);
        var leaves = new OrderedDictionary<string, SortedSet<int>>(StringComparer.Ordinal);
        foreach (var name in names)
        {
            if (Position(name) is var (list, index, rest))
            {
                // A Sequential of single layers is numbered too; blocks have modules of their own.
                var found = rest.Contains('.', StringComparison.Ordinal) ? blocks : leaves;
                if (!found.TryGetValue(list, out var indices))
                {
                    found[list] = indices = [];
                }

                indices.Add(index);
            }
        }

        var lists = Repeated(blocks);
        return lists.Count > 0 ? lists : Repeated(leaves);
    }

    /// <summary>The outermost numbered module a parameter lies in: its list, its number and the rest of the name.</summary>
    public static (string List, int Index, string Inside)? Position(string name)
    {
        var segments = name.Split('.');
        for (var at = 1; at < segments.Length - 1; at++)
        {
            if (int.TryParse(segments[at], NumberStyles.None, CultureInfo.InvariantCulture, out var index))
            {
                return (string.Join('.', segments[..at]), index, string.Join('.', segments[(at + 1)..]));
            }
        }

        return null;
    }

    /// <summary>For each parameter the lists whose first module computes with what the parameter gave.</summary>
    public static Dictionary<string, IReadOnlyList<string>> Feeders(GraphProto graph, IReadOnlyList<string> parameters)
    {
        var feeds = new Dictionary<string, IReadOnlyList<string>>(StringComparer.Ordinal);
        var producers = new Dictionary<string, NodeProto>(StringComparer.Ordinal);
        foreach (var node in graph.Node)
        {
            foreach (var output in node.Output)
            {
                producers[output] = node;
            }
        }

        foreach (var (list, indices) in Find(parameters))
        {
            var first = parameters.Where(name => Position(name) is var (owner, index, _) && owner == list && index == indices.Min)
                .ToHashSet(StringComparer.Ordinal);
            var ancestors = new HashSet<string>(StringComparer.Ordinal);
            var open = new Stack<NodeProto>(graph.Node.Where(node => node.Input.Any(first.Contains)));
            while (open.TryPop(out var node))
            {
                foreach (var input in node.Input)
                {
                    if (ancestors.Add(input) && producers.TryGetValue(input, out var producer))
                    {
                        open.Push(producer);
                    }
                }
            }

            foreach (var name in parameters.Where(ancestors.Contains))
            {
                feeds[name] = [.. feeds.GetValueOrDefault(name, []), list];
            }
        }

        return feeds;
    }

    private static OrderedDictionary<string, SortedSet<int>> Repeated(OrderedDictionary<string, SortedSet<int>> lists)
    {
        var repeated = new OrderedDictionary<string, SortedSet<int>>(StringComparer.Ordinal);
        foreach (var (list, indices) in lists)
        {
            if (indices.Count > 1)
            {
                repeated[list] = indices;
            }
        }

        return repeated;
    }
}
