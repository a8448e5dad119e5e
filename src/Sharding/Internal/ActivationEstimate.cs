using OrtZero.Autograd;
using OrtZero.Onnx;

namespace OrtZero.Sharding.Internal;

/// <summary>How much the values between the nodes of a training graph take at the worst moment of a run.</summary>
/// <remarks>A value lives from the node that computes it to the last that reads it or a view of it. ONNX Runtime may run nodes in another
/// order and rounds allocations up, and writes some results over their inputs, so this is an estimate.</remarks>
internal static class ActivationEstimate
{
    private static readonly HashSet<string> s_views = new(["Reshape", "Squeeze", "Unsqueeze", "Flatten", "Identity"], StringComparer.Ordinal);

    /// <summary>The peak in bytes, without graph inputs and initializers; parameters that GatherParam nodes make count.</summary>
    /// <param name="graph">A graph whose gradients end in ReduceGrad nodes.</param>
    public static long PeakBytes(TrainingGraph graph)
    {
        var sizes = graph.Parameters.ToDictionary(
            parameter => parameter.GradientName, parameter => Bytes(parameter.Type, parameter.Shape), StringComparer.Ordinal);
        var nodes = GatherParamPass.InOrderOfUse(graph.Model.Graph, ZeroEngine.OperatorDomain);
        var root = new Dictionary<string, string>(StringComparer.Ordinal);
        var lastUse = new Dictionary<string, int>(StringComparer.Ordinal);
        for (var index = 0; index < nodes.Count; index++)
        {
            var node = nodes[index];
            foreach (var input in node.Input.Where(input => root.ContainsKey(input)))
            {
                lastUse[root[input]] = index;
            }

            foreach (var output in node.Output.Where(output => output.Length > 0))
            {
                root[output] = s_views.Contains(node.OpType) && root.TryGetValue(node.Input[0], out var viewed) ? viewed : output;
                lastUse.TryAdd(root[output], index);
            }

            if (node.OpType == GatherParamOperator.OperatorName)
            {
                sizes[node.Output[0]] = Bytes(TensorElementType.Float, node.GetInts(GatherParamOperator.ShapeAttribute) ?? []);
            }
        }

        var freed = lastUse.ToLookup(pair => pair.Value, pair => pair.Key);
        var (live, peak) = (0L, 0L);
        for (var index = 0; index < nodes.Count; index++)
        {
            live += nodes[index].Output.Where(output => output.Length > 0 && root[output] == output).Sum(Size);
            peak = Math.Max(peak, live);
            live -= freed[index].Sum(Size);
        }

        return peak;

        long Size(string name) => sizes.TryGetValue(name, out var bytes) ? bytes
            : graph.Values is { } values && values.TryGet(name, out var value)
                ? Bytes(value.Type, Array.ConvertAll(value.Shape, length => length < 0 ? graph.OpenAxisLimit : length)) : 0;
    }

    private static long Bytes(TensorElementType type, long[] shape) =>
        ((shape.Aggregate(1L, (count, length) => count * length) * type.SizeInBits()) + 7) / 8;
}
