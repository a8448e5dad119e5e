using System.Text.RegularExpressions;
using OrtZero.Onnx.Protobuf;

namespace OrtZero.Onnx.Internal;

/// <summary>The module that a node came from, as PyTorch's exporters record it.</summary>
internal static partial class ModuleScope
{
    /// <summary>
    /// The module's path, such as <c>visual_encoder.blocks.0.attn.qkv</c>; "" for the root module; null when the node tells nothing.
    /// </summary>
    /// <param name="node">The node.</param>
    /// <param name="names">Names of parameters known already, to decide between readings.</param>
    public static string? Of(NodeProto node, IReadOnlyCollection<string> names)
    {
        if (node.Name.StartsWith('/'))
        {
            return FromNodeName(node.Name, names);
        }

        // The exporter of torch.export writes "['', 'layers.0', 'layers.0.fc1', 'linear_2']": modules from the root, then the call.
        var scopes = node.MetadataProps.FirstOrDefault(entry => entry.Key == "pkg.torch.onnx.name_scopes")?.Value;
        var parts = scopes is null ? [] : QuotedPattern().Matches(scopes).Select(match => match.Groups[1].Value).ToArray();
        return parts.Length >= 2 ? parts[^2] : null;
    }

    private static string FromNodeName(string name, IReadOnlyCollection<string> names)
    {
        var scopes = name.Split('/', StringSplitOptions.RemoveEmptyEntries)[..^1];
        var plain = string.Join('.', scopes);

        // A Sequential repeats its own name in its children's ("/projector/projector.0"), a module in a list does not.
        var collapsed = new List<string>();
        foreach (var scope in scopes)
        {
            if (collapsed.Count > 0 && scope.StartsWith(collapsed[^1] + ".", StringComparison.Ordinal))
            {
                collapsed[^1] = scope;
            }
            else
            {
                collapsed.Add(scope);
            }
        }

        var path = string.Join('.', collapsed);
        return path != plain && !Known(path, names) && Known(plain, names) ? plain : path;
    }

    private static bool Known(string path, IReadOnlyCollection<string> names) =>
        names.Any(name => name.StartsWith(path + ".", StringComparison.Ordinal));

    [GeneratedRegex("['\"]([^'\"]*)['\"]")]
    private static partial Regex QuotedPattern();
}
