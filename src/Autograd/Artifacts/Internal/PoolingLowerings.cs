using OrtZero.Onnx;
using OrtZero.Onnx.Protobuf;

namespace OrtZero.Autograd.Internal;

/// <summary>The gradient of average pooling: every element of a window gets its share of the window's gradient.</summary>
internal static class PoolingLowerings
{
    public static void AddTo(Dictionary<string, Action<LoweringGraph, NodeProto>> table) => table["AveragePoolGrad"] = Average;

    private static void Average(LoweringGraph g, NodeProto node)
    {
        var kernel = node.GetInts("kernel_shape") ?? throw new ArtifactException($"Node {node.Describe()} has no kernel_shape; write the artifacts again.");
        if (node.GetString("auto_pad", "NOTSET") is not "NOTSET")
        {
            throw new ArtifactException($"Node {node.Describe()} leaves its padding to auto_pad; export the model with explicit pads and write the artifacts again.");
        }

        var rank = kernel.Length;
        var geometry = new ConvolutionLowerings.Geometry(
            1, kernel, 1, node.GetInts("strides") ?? ConvolutionLowerings.Repeat(1, rank), node.GetInts("dilations") ?? ConvolutionLowerings.Repeat(1, rank),
            node.GetInts("pads") ?? ConvolutionLowerings.Repeat(0, 2 * rank));
        var shape = g.Shape(Forward(g, node).Input[0]);
        var space = g.Part(shape, 2, long.MaxValue);
        var ones = Ones(g, g.Int64s([1, 1, .. kernel]));
        var dy = node.Input[0];
        var windows = g.Part(g.Shape(dy), 2, long.MaxValue);
        var images = g.Reshape(dy, g.Concat(g.Int64s([-1, 1]), windows));
        var isWhole = node.GetInt("count_include_pad", 0) != 0 && node.GetInt("ceil_mode", 0) == 0;
        var share = isWhole
            ? g.Mul(images, 1f / kernel.Aggregate(1L, (product, length) => product * length))
            : g.Div(images, Counts(g, node, geometry, space, windows, ones));
        g.Set(node.Output[0], g.Reshape(ConvolutionLowerings.Spread(g, share, ones, space, geometry), shape));
    }

    // A window at the border may have fewer elements, and with ceil_mode it reaches beyond the padding: a kernel of ones counts those
    // of the input, and of the padding too where that counts, in a picture that is as long as all windows.
    private static string Counts(
        LoweringGraph g, NodeProto node, ConvolutionLowerings.Geometry geometry, string space, string windows, string ones)
    {
        var rank = geometry.Kernel.Length;
        var (before, after) = (g.Int64s(geometry.Pads.AsSpan(0, rank)), g.Int64s(geometry.Pads.AsSpan(rank)));
        var reach = geometry.Kernel.Zip(geometry.Dilations, (length, dilation) => ((length - 1) * dilation) + 1).ToArray();
        var end = g.Add(g.Mul(g.Sub(windows, g.Int64s([1])), g.Int64s(geometry.Strides)), g.Int64s(reach));
        var isPaddingCounted = node.GetInt("count_include_pad", 0) != 0;
        var counted = isPaddingCounted ? g.Add(g.Add(before, space), after) : space;
        var begin = isPaddingCounted ? g.Int64s(ConvolutionLowerings.Repeat(0, rank)) : before;
        var behind = g.Op("Max", g.Sub(g.Sub(end, begin), counted), g.Int64s([0]));
        var none = g.Int64s([0, 0]);
        var picture = g.Op("Pad", Ones(g, g.Concat(g.Int64s([1, 1]), counted)), g.Concat(none, begin, none, behind));
        return g.Op("Conv", [picture, ones], conv => conv.SetInts("strides", geometry.Strides).SetInts("dilations", geometry.Dilations));
    }

    // The operator takes the gradient alone; the tool names it, its result and the node after the forward node.
    private static NodeProto Forward(LoweringGraph g, NodeProto node)
    {
        var pools = g.Forward.Where(other => other is { OpType: "AveragePool", Domain: "" or "ai.onnx" }).ToList();
        var named = pools.FindAll(pool => node.Input[0] == $"{pool.Output[0]}_grad" || node.Output[0] == $"{pool.Input[0]}_grad"
            || (pool.Name.Length > 0 && node.Name.StartsWith($"{pool.Name}_Grad/", StringComparison.Ordinal)));
        return (named.Count > 0 ? named : pools) is [var forward]
            ? forward
            : throw new ArtifactException($"Node {node.Describe()} does not tell whose gradient it is by its names; train the forward model instead (model.path).");
    }

    private static string Ones(LoweringGraph g, string shape) =>
        g.Op("ConstantOfShape", [shape], node => node.SetTensor("value", TensorFactory.FromSingles("", [1], [1f])));
}
