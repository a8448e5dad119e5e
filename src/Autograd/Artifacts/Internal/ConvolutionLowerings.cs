using OrtZero.Onnx;
using OrtZero.Onnx.Protobuf;

namespace OrtZero.Autograd.Internal;

/// <summary>The gradients of convolutions and transposed ones, written with convolutions; lengths of the input are read in the graph.</summary>
internal static class ConvolutionLowerings
{
    /// <param name="table">Where to add it.</param>
    /// <param name="shapeOf">The shape of a parameter, or null: the weight's channels and kernel must be known.</param>
    public static void AddTo(Dictionary<string, Action<LoweringGraph, NodeProto>> table, Func<string, long[]?> shapeOf)
    {
        table["ConvGrad"] = (g, node) => Gradient(g, node, GeometryOf(node, Weight(node)));
        table["ConvTransposeGrad"] = (g, node) => TransposedGradient(g, node, GeometryOf(node, Weight(node)));

        long[] Weight(NodeProto node) => shapeOf(node.Input[2]) ?? throw new ArtifactException(
            $"Node {node.Describe()} differentiates a convolution whose weight '{node.Input[2]}' is neither a parameter of the checkpoint nor stored in the model; train the forward model instead (model.path).");
    }

    private static Geometry GeometryOf(NodeProto node, long[] weight)
    {
        if (node.GetString("auto_pad", "NOTSET") is not "NOTSET" || node.GetInts("output_shape") is not null)
        {
            throw new ArtifactException(
                $"Node {node.Describe()} leaves its padding to auto_pad or output_shape; export the model with explicit pads and write the artifacts again.");
        }

        var rank = weight.Length - 2;
        return new Geometry(
            weight[1],
            weight[2..],
            node.GetInt("group", 1),
            node.GetInts("strides") ?? Repeat(1, rank),
            node.GetInts("dilations") ?? Repeat(1, rank),
            node.GetInts("pads") ?? Repeat(0, 2 * rank));
    }

    private static void Gradient(LoweringGraph g, NodeProto node, Geometry geometry)
    {
        if (node.OutputOrEmpty(0).Length > 0)
        {
            g.Set(node.Output[0], Input(g, node, geometry));
        }

        if (node.OutputOrEmpty(1).Length > 0)
        {
            g.Set(node.Output[1], Weight(g, node.Input[0], node.Input[1], geometry));
        }

        Bias(g, node, geometry);
    }

    // A transposed convolution is the gradient of a convolution that takes its outputs to its inputs: that convolution is the
    // gradient of its input, and its weight's gradient comes from the two in exchanged places.
    private static void TransposedGradient(LoweringGraph g, NodeProto node, Geometry geometry)
    {
        var (dy, x, weight) = (node.Input[0], node.Input[1], node.Input[2]);
        if (node.OutputOrEmpty(0).Length > 0)
        {
            var rank = geometry.Kernel.Length;
            var full = g.Op("Conv", [dy, weight], conv => conv
                .SetInts("strides", geometry.Strides).SetInts("dilations", geometry.Dilations).SetInts("pads", geometry.Pads).SetInt("group", geometry.Group));
            // Output padding may leave room for another step of the kernel, which no input stands for.
            g.Set(node.Output[0], g.Op("Slice", full, g.Int64s(Repeat(0, rank)), g.Part(g.Shape(x), 2, long.MaxValue), g.Int64s(Axes(2, rank))));
        }

        if (node.OutputOrEmpty(1).Length > 0)
        {
            g.Set(node.Output[1], Weight(g, x, dy, geometry));
        }

        Bias(g, node, geometry);
    }

    private static void Bias(LoweringGraph g, NodeProto node, Geometry geometry)
    {
        if (node.OutputOrEmpty(2).Length > 0)
        {
            g.Set(node.Output[2], g.ReduceSum(node.Input[0], [0, .. Axes(2, geometry.Kernel.Length)], keep: false));
        }
    }

    private static string Input(LoweringGraph g, NodeProto node, Geometry geometry) => Spread(
        g, node.Input[0], node.Input[2], g.Part(g.Shape(node.Input[1]), 2, long.MaxValue), geometry);

    /// <summary>What a convolution's outputs give back to its inputs of some lengths.</summary>
    /// <remarks>The transposed convolution without padding gives the gradient of the padded input, but for a rest that no window reached:
    /// zeros are added for it, then the padding is cut off.</remarks>
    public static string Spread(LoweringGraph g, string gradient, string weight, string length, Geometry geometry)
    {
        var rank = geometry.Kernel.Length;
        var full = g.Op("ConvTranspose", [gradient, weight], conv => conv
            .SetInts("strides", geometry.Strides).SetInts("dilations", geometry.Dilations).SetInt("group", geometry.Group));
        var begin = g.Int64s(geometry.Pads.AsSpan(0, rank));
        var end = g.Add(begin, length);
        var missing = g.Op("Max", g.Sub(end, g.Part(g.Shape(full), 2, long.MaxValue)), g.Int64s(Repeat(0, rank)));
        var padded = g.Op("Pad", full, g.Concat(g.Int64s(Repeat(0, rank + 4)), missing));
        return g.Op("Slice", padded, begin, end, g.Int64s(Axes(2, rank)));
    }

    // Samples and channels change places: input channels become samples, and the output gradient the kernel that slides over the
    // input with strides and dilations exchanged.
    private static string Weight(LoweringGraph g, string gradient, string x, Geometry geometry)
    {
        var rank = geometry.Kernel.Length;
        var shape = g.Shape(x);
        var space = g.Part(shape, 2, long.MaxValue);
        var grouped = g.Reshape(x, g.Concat(g.Part(shape, 0, 1), g.Int64s([geometry.Group, geometry.Channels]), space));
        var input = g.Reshape(
            g.Transpose(grouped, [2, 1, 0, .. Axes(3, rank)]), g.Concat(g.Int64s([geometry.Channels, -1]), space));
        var kernel = g.Transpose(gradient, [1, 0, .. Axes(2, rank)]);
        var full = g.Op("Conv", [input, kernel], conv => conv
            .SetInts("strides", geometry.Dilations).SetInts("dilations", geometry.Strides).SetInts("pads", geometry.Pads).SetInt("group", geometry.Group));
        var cut = g.Op("Slice", full, g.Int64s(Repeat(0, rank)), g.Int64s(geometry.Kernel), g.Int64s(Axes(2, rank)));
        return g.Transpose(cut, [1, 0, .. Axes(2, rank)]);
    }

    private static long[] Axes(int first, int count) => [.. Enumerable.Range(first, count).Select(axis => (long)axis)];

    public static long[] Repeat(long value, int count) => [.. Enumerable.Repeat(value, count)];

    /// <summary>How a kernel goes over its input.</summary>
    public readonly record struct Geometry(long Channels, long[] Kernel, long Group, long[] Strides, long[] Dilations, long[] Pads);
}
