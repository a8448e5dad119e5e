using OrtZero.Autograd.Internal;
using OrtZero.Onnx;
using OrtZero.Onnx.Protobuf;

namespace OrtZero.Autograd;

/// <summary>Which weights of a forward model can have a low-rank adapter: matrices that MatMul and Gemm multiply by and nothing else reads.</summary>
public sealed class AdapterSites
{
    private readonly GraphIndex _index;
    private readonly HashSet<string> _outputLayers;

    private AdapterSites(GraphProto graph)
    {
        _index = new GraphIndex(graph);
        _outputLayers = OutputLayers.Find(graph, _index);
    }

    /// <summary>The weights that can have one, in the order given.</summary>
    public IReadOnlyList<AdaptableWeight> Adaptable { get; private init; } = [];

    /// <summary>For each of the others why it cannot: the end of a sentence that begins with its name.</summary>
    public IReadOnlyDictionary<string, string> Reasons { get; private init; } = new Dictionary<string, string>();

    internal IReadOnlyDictionary<string, IReadOnlyList<AdapterSite>> Sites { get; private init; } = new Dictionary<string, IReadOnlyList<AdapterSite>>();

    /// <summary>Looks at weights of a model.</summary>
    /// <param name="graph">The model's graph.</param>
    /// <param name="weights">Names of initializers.</param>
    public static AdapterSites Find(GraphProto graph, IEnumerable<string> weights)
    {
        ArgumentNullException.ThrowIfNull(graph);
        ArgumentNullException.ThrowIfNull(weights);
        var adaptable = new List<AdaptableWeight>();
        var reasons = new Dictionary<string, string>(StringComparer.Ordinal);
        var sites = new Dictionary<string, IReadOnlyList<AdapterSite>>(StringComparer.Ordinal);
        var search = new AdapterSites(graph) { Adaptable = adaptable, Reasons = reasons, Sites = sites };
        foreach (var weight in weights)
        {
            var found = new List<AdapterSite>();
            if (search.Refusal(weight, found) is { } reason)
            {
                reasons.Add(weight, reason);
                continue;
            }

            var shape = search._index.Initializer(weight)!.Shape();
            var isTransposed = found[0].IsTransposed;
            sites.Add(weight, found);
            adaptable.Add(new AdaptableWeight(
                weight, shape[isTransposed ? 0 : 1], shape[isTransposed ? 1 : 0], isTransposed,
                [.. found.Select(site => NodeContext.NameOf(site.Node))],
                [.. found.Select(site => search.Bias(site.Node)).OfType<string>().Distinct()],
                found.Exists(site => search._outputLayers.Contains(site.Node.Output[0]))));
        }

        return search;
    }

    private string? Refusal(string weight, List<AdapterSite> found)
    {
        var tensor = _index.Initializer(weight)
            ?? throw new ArgumentException($"'{weight}' is no initializer of the graph.", nameof(weight));
        if (tensor.Dims.Count != 2)
        {
            return $"has {tensor.Dims.Count} axes, and only matrices have adapters";
        }

        if (tensor.ElementType() != TensorElementType.Float)
        {
            return $"holds {tensor.ElementType()} numbers, and only float32 weights have adapters";
        }

        if (Collect(weight, isTurned: false, found) is { } reason)
        {
            return reason;
        }

        return found.Count == 0 ? "is read by no MatMul or Gemm"
            : found.Exists(site => site.IsTransposed != found[0].IsTransposed)
                ? $"is multiplied by as it is at {found[0].Node.Describe()} and transposed at {found.Find(site => site.IsTransposed != found[0].IsTransposed)!.Node.Describe()}"
            : null;
    }

    // A merged weight changes all that reads it, so an adapter must be beside every use.
    private string? Collect(string value, bool isTurned, List<AdapterSite> found)
    {
        if (_index.IsOutput(value))
        {
            return "is an output of the model";
        }

        foreach (var node in _index.Consumers(value))
        {
            var isStandard = node.Domain is "" or "ai.onnx";
            if (isStandard && node.OpType is "Identity" or "Transpose" && node.Input is [var viewed] && viewed == value
                && (node.OpType == "Identity" || node.GetInts("perm") is null or [1, 0]))
            {
                if (Collect(node.Output[0], isTurned ^ node.OpType == "Transpose", found) is { } reason)
                {
                    return reason;
                }

                continue;
            }

            var position = node.Input.IndexOf(value);
            var isProduct = isStandard && node.Input.Count(input => input == value) == 1
                && ((node.OpType == "MatMul" && position >= 0) || (node.OpType == "Gemm" && position == 1));
            if (!isProduct)
            {
                return $"is read by {node.Describe()}, and only weights that nothing but MatMul and Gemm multiplies by have adapters";
            }

            // On the right of a product stands [inputs, outputs], on the left [outputs, inputs].
            var isLeft = node.OpType == "MatMul" && position == 0;
            var standsTransposed = node.OpType == "Gemm" ? node.GetInt("transB", 0) == 0 : !isLeft;
            found.Add(new AdapterSite(node, isLeft, standsTransposed ^ isTurned));
        }

        return null;
    }

    private string? Bias(NodeProto product)
    {
        if (product.OpType == "Gemm")
        {
            return _index.Initializer(product.InputOrEmpty(2))?.Name;
        }

        return _index.Consumers(product.Output[0]) is [{ OpType: "Add", Input.Count: 2 } add]
            && add.Input.FirstOrDefault(input => _index.Initializer(input) is { Dims.Count: <= 1 }) is { } bias
                ? bias
                : null;
    }
}
