namespace OrtZero.Autograd.Internal;

/// <summary>Which values are computed again, and where computing again begins.</summary>
/// <param name="values">The values that the backward pass reads from a second computation.</param>
/// <param name="isKept">Whether nodes that are computed again read a forward value as the forward pass left it.</param>
internal sealed class RecomputeChoice(IReadOnlySet<string> values, Func<string, bool> isKept)
{
    /// <summary>The values that the backward pass reads from a second computation.</summary>
    public IReadOnlySet<string> Values => values;

    /// <summary>Whether nodes that are computed again read this forward value as the forward pass left it.</summary>
    public bool IsKept(string value) => isKept(value);

    /// <summary>Everything inside layers; what one layer hands to another is kept.</summary>
    public static RecomputeChoice OfLayers(ActivationGraph graph, string?[] layers)
    {
        var crossing = new HashSet<string>(StringComparer.Ordinal);
        for (var index = 0; index < graph.Start; index++)
        {
            foreach (var input in NodeInputs.Of(graph.Nodes[index]))
            {
                if (graph.TryProducer(input, out var producer) && layers[producer] != layers[index])
                {
                    crossing.Add(graph.Root(input));
                    crossing.Add(input);
                }
            }
        }

        var values = graph.Saved.Where(value => graph.TryProducer(value, out var producer) && layers[producer] is not null && !IsCrossing(value));
        return new RecomputeChoice(values.ToHashSet(StringComparer.Ordinal), IsCrossing);

        // Where one view of a value is kept, the others are free.
        bool IsCrossing(string value) => crossing.Contains(value) || crossing.Contains(graph.Root(value));
    }
}
