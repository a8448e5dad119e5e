using Google.Protobuf.Collections;
using OrtZero.Onnx.Internal;
using OrtZero.Onnx.Protobuf;

namespace OrtZero.Onnx;

/// <summary>Edits that keep a graph and its subgraphs consistent.</summary>
public static class GraphEditor
{
    /// <summary>
    /// Makes every node, in subgraphs too, that uses one value use another. Graph outputs keep their names, since callers rely
    /// on them.
    /// </summary>
    /// <returns>The number of uses that changed.</returns>
    public static int ReplaceAllUses(this GraphProto graph, string value, string replacement)
    {
        ArgumentNullException.ThrowIfNull(graph);
        var changed = 0;
        foreach (var node in graph.Node)
        {
            changed += Replace(node.Input, value, replacement);
            foreach (var subgraph in TensorWalker.Subgraphs(node))
            {
                changed += ReplaceCaptures(subgraph, value, replacement);
            }
        }

        return changed;
    }

    /// <summary>
    /// Renames a value wherever it appears: its producer, input, initializer or output entry, its uses, its declared type and its
    /// quantization annotation, in subgraphs too.
    /// </summary>
    /// <exception cref="OnnxFormatException">The graph has a value of the new name already.</exception>
    public static void RenameValue(this GraphProto graph, string name, string newName)
    {
        ArgumentNullException.ThrowIfNull(graph);
        if (name == newName)
        {
            return;
        }

        if (SubgraphScope.Defines(graph, newName))
        {
            throw new OnnxFormatException($"Value '{name}' cannot be renamed to '{newName}', which the graph has already.");
        }

        foreach (var info in graph.Input.Concat(graph.Output).Concat(graph.ValueInfo))
        {
            info.Name = info.Name == name ? newName : info.Name;
        }

        foreach (var tensor in graph.Initializer)
        {
            tensor.Name = tensor.Name == name ? newName : tensor.Name;
        }

        foreach (var sparse in graph.SparseInitializer)
        {
            if (sparse.Values?.Name == name)
            {
                sparse.Values.Name = newName;
            }
        }

        foreach (var annotation in graph.QuantizationAnnotation)
        {
            annotation.TensorName = annotation.TensorName == name ? newName : annotation.TensorName;
        }

        foreach (var node in graph.Node)
        {
            Replace(node.Output, name, newName);
        }

        graph.ReplaceAllUses(name, newName);
    }

    /// <summary>
    /// Removes nodes none of whose outputs is used, then initializers nothing uses, until nothing is left to remove. Declared
    /// types of values that are gone go too.
    /// </summary>
    /// <returns>The number of nodes and initializers removed.</returns>
    public static int RemoveUnused(this GraphProto graph)
    {
        ArgumentNullException.ThrowIfNull(graph);
        var used = new HashSet<string>(graph.Output.Select(output => output.Name), StringComparer.Ordinal);
        var index = new GraphIndex(graph);
        var kept = new HashSet<NodeProto>(ReferenceEqualityComparer.Instance);
        var open = new Stack<string>(used);
        while (open.TryPop(out var value))
        {
            if (index.Producer(value) is { } node && kept.Add(node))
            {
                foreach (var input in index.Inputs(node).Where(used.Add))
                {
                    open.Push(input);
                }
            }
        }

        var removed = RemoveWhere(graph.Node, node => !kept.Contains(node));
        removed += RemoveWhere(graph.Initializer, tensor => !used.Contains(tensor.Name));
        removed += RemoveWhere(graph.SparseInitializer, tensor => !used.Contains(tensor.Values?.Name ?? ""));
        var present = new HashSet<string>(kept.SelectMany(node => node.Output).Concat(used), StringComparer.Ordinal);
        RemoveWhere(graph.ValueInfo, info => !present.Contains(info.Name));
        return removed;
    }

    /// <summary>Removes the elements for which the predicate holds, keeping the order of the others.</summary>
    /// <returns>The number of elements removed.</returns>
    public static int RemoveWhere<T>(this RepeatedField<T> list, Predicate<T> predicate)
    {
        ArgumentNullException.ThrowIfNull(list);
        ArgumentNullException.ThrowIfNull(predicate);
        var kept = new List<T>(list.Count);
        foreach (var item in list)
        {
            if (!predicate(item))
            {
                kept.Add(item);
            }
        }

        var removed = list.Count - kept.Count;
        if (removed > 0)
        {
            list.Clear();
            list.AddRange(kept);
        }

        return removed;
    }

    /// <summary>The initializer of that name, or null.</summary>
    public static TensorProto? FindInitializer(this GraphProto graph, string name)
    {
        foreach (var tensor in graph.Initializer)
        {
            if (tensor.Name == name)
            {
                return tensor;
            }
        }

        return null;
    }

    /// <summary>Adds an initializer, or replaces the one of the same name in its place.</summary>
    public static void SetInitializer(this GraphProto graph, TensorProto tensor)
    {
        for (var i = 0; i < graph.Initializer.Count; i++)
        {
            if (graph.Initializer[i].Name == tensor.Name)
            {
                graph.Initializer[i] = tensor;
                return;
            }
        }

        graph.Initializer.Add(tensor);
    }

    /// <summary>Puts the nodes into an order in which every value is produced before it is used.</summary>
    /// <exception cref="OnnxFormatException">The graph has a cycle, a missing value or a value with two producers.</exception>
    public static void SortTopologically(this GraphProto graph)
    {
        var order = new GraphIndex(graph).TopologicalOrder();
        graph.Node.Clear();
        graph.Node.AddRange(order);
    }

    private static int ReplaceCaptures(GraphProto graph, string value, string replacement)
    {
        if (SubgraphScope.Defines(graph, value))
        {
            return 0;
        }

        if (SubgraphScope.Defines(graph, replacement))
        {
            throw new OnnxFormatException(
                $"Value '{value}' cannot become '{replacement}' inside subgraph '{graph.Name}', which has a value of that name; choose another name.");
        }

        var changed = graph.ReplaceAllUses(value, replacement);
        foreach (var output in graph.Output)
        {
            if (output.Name == value)
            {
                output.Name = replacement;
                changed++;
            }
        }

        return changed;
    }

    private static int Replace(RepeatedField<string> names, string name, string newName)
    {
        var changed = 0;
        for (var i = 0; i < names.Count; i++)
        {
            if (names[i] == name)
            {
                names[i] = newName;
                changed++;
            }
        }

        return changed;
    }
}
