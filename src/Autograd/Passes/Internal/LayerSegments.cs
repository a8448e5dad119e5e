using System.Text.RegularExpressions;

namespace OrtZero.Autograd.Internal;

/// <summary>Divides the forward pass into layers by the names of nodes or of parameters.</summary>
internal static class LayerSegments
{
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(1);

    /// <summary>The layer of every forward node; <c>null</c>: none.</summary>
    /// <exception cref="GradientException">A pattern fits nothing.</exception>
    public static string?[] Find(ActivationGraph graph, IReadOnlyList<string> patterns)
    {
        var layers = new string?[graph.Start];
        foreach (var pattern in patterns)
        {
            var expression = Expression(pattern);
            if (!ByNodes(graph, expression, layers) && !ByParameters(graph, expression, layers))
            {
                var names = graph.Nodes.Take(graph.Start).Select(node => node.Name).Where(name => name.Length > 0).ToList();
                throw new GradientException(
                    $"The recompute pattern '{pattern}' is in the name of no node and no trained parameter: "
                    + $"nodes have names like {string.Join(", ", Spread(names))}, parameters like {string.Join(", ", Spread([.. graph.Graph.Parameters.Select(parameter => parameter.Name)]))}.");
            }
        }

        return layers;
    }

    private static bool ByNodes(ActivationGraph graph, Regex expression, string?[] layers)
    {
        var found = false;
        for (var index = 0; index < layers.Length; index++)
        {
            if (expression.Match(graph.Nodes[index].Name) is { Success: true } match)
            {
                layers[index] ??= match.Value;
                found = true;
            }
        }

        return found;
    }

    /// <summary>
    /// A node belongs to the layer whose parameters it reads. One that reads none belongs to the layer of the last node before it whose
    /// result it reads, as an activation function belongs to the product in front of it.
    /// </summary>
    private static bool ByParameters(ActivationGraph graph, Regex expression, string?[] layers)
    {
        var parameters = new Dictionary<string, string?>(StringComparer.Ordinal);
        foreach (var parameter in graph.Graph.Parameters)
        {
            parameters[parameter.Name] = expression.Match(parameter.Name) is { Success: true } match ? match.Value : null;
        }

        if (parameters.Values.All(layer => layer is null))
        {
            return false;
        }

        for (var index = 0; index < layers.Length; index++)
        {
            var inputs = graph.Nodes[index].Input;
            var read = inputs.Where(parameters.ContainsKey).ToList();
            var layer = read.Count > 0
                ? parameters[read[0]]
                : inputs.Select(input => graph.TryProducer(input, out var producer) ? producer : -1).DefaultIfEmpty(-1).Max() is >= 0 and var last
                    ? layers[last]
                    : null;
            layers[index] ??= layer;
            foreach (var output in graph.Nodes[index].Output.Where(output => !graph.IsFromData(output) && read.Count > 0))
            {
                // A transposed weight is as good as the weight.
                parameters[output] = layer;
            }
        }

        return true;
    }

    private static Regex Expression(string pattern)
    {
        var text = Regex.Escape(pattern).Replace("\\?", "[^/.]", StringComparison.Ordinal);
        text = text.EndsWith("\\*", StringComparison.Ordinal) ? $"{text[..^2]}[^/.]+" : text;
        return new Regex(text.Replace("\\*", "[^/]+?", StringComparison.Ordinal), RegexOptions.CultureInvariant, s_patience);
    }

    private static IEnumerable<string> Spread(List<string> names) =>
        new[] { 0, names.Count / 2, names.Count - 1 }.Where(index => index >= 0 && index < names.Count).Distinct().Select(index => $"'{names[index]}'");
}
