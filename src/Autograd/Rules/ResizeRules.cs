using OrtZero.Autograd.Internal;
using OrtZero.Onnx;
using OrtZero.Onnx.Protobuf;

namespace OrtZero.Autograd.Rules;

/// <summary>Resampling.</summary>
internal static class ResizeRules
{
    private static readonly string[] Attributes =
        ["mode", "coordinate_transformation_mode", "nearest_mode", "cubic_coeff_a", "exclude_outside", "antialias"];

    public static void Register(GradientRuleSet rules) => rules.Add("Resize", Resize);

    /// <summary>
    /// Resampling is a matrix along each axis, whatever the mode. Resampling the rows of the identity gives that matrix transposed,
    /// [input, output], which is what takes gradients back. Outside the input it is 0: what is put there does not depend on the input.
    /// </summary>
    private static void Resize(RuleContext context)
    {
        var node = context.Node;
        var graph = context.Graph;
        var shape = context.X.Shape;
        var axes = node.GetInts("axes") is { } given ? Array.ConvertAll(given, axis => Shapes.Axis(axis, shape.Length)) : [.. Enumerable.Range(0, shape.Length)];
        var scales = context.HasInput(2) && graph.Constant(node.Input[2]) is { } tensor && tensor.ElementCount() > 0 ? tensor.ToSingles() : null;
        var crop = node.GetString("coordinate_transformation_mode", "half_pixel") == "tf_crop_and_resize"
            ? graph.Constant(node.Input[1])?.ToSingles() ?? throw context.Unsupported("its region of interest is computed from data")
            : null;
        var policy = node.GetString("keep_aspect_ratio_policy", "stretch");
        var sizes = policy == "stretch" || scales is not null ? null : context.Integers(3);
        var leader = sizes is null ? -1 : Leader(sizes, [.. axes.Select(axis => shape[axis])], policy == "not_larger");
        var gradient = context.DY;
        for (var i = 0; i < axes.Length; i++)
        {
            var axis = axes[i];
            var (input, output) = (shape[axis], context.Y.Shape[axis]);
            if (input == output && sizes is null && (scales is null || scales[i] == 1) && (crop is null || (crop[i] == 0 && crop[axes.Length + i] == 1)))
            {
                continue;
            }

            var matrix = sizes is null || i == leader
                ? Matrix(graph, node, context.X.Type, input, output, scales?[i], crop is null ? null : [0, crop[i], 1, crop[axes.Length + i]])
                : FollowingMatrix(graph, node, context.X.Type, input, output, shape[axes[leader]], sizes[leader], sizes[i]);
            var flat = graph.Reshape(
                gradient, Shapes.Count(gradient.Shape.AsSpan(0, axis)), output, Shapes.Count(gradient.Shape.AsSpan(axis + 1)));
            gradient = graph.Reshape(graph.MatMul(matrix, flat), Shapes.With(gradient.Shape, axis, input));
        }

        context.Give(0, gradient);
    }

    /// <summary>The axis whose scale all others take, so that the aspect ratio stays: the smallest scale, or the largest.</summary>
    private static int Leader(long[] sizes, long[] lengths, bool isSmallest)
    {
        var scales = sizes.Zip(lengths, (size, length) => (double)size / length).ToList();
        return scales.IndexOf(isSmallest ? scales.Min() : scales.Max());
    }

    /// <summary>
    /// The matrix of an axis that takes the scale of another. That scale is seldom one of this axis' own lengths, so the identity is resampled
    /// together with the other axis, along which it does not vary.
    /// </summary>
    private static Value FollowingMatrix(
        GraphEmitter graph, NodeProto node, TensorElementType type, long input, long output, long leading, long leadingSize, long size)
    {
        var identity = graph.Node("EyeLike", [graph.Filled(type, [input, input], 0)], type, [input, input]);
        var volume = graph.Expand(graph.Reshape(identity, 1, input, 1, input), [1, input, leading, input]);
        var nothing = graph.Reals(TensorElementType.Float, [0], []);
        var resampled = graph.Node(
            "Resize", [volume, nothing, nothing, graph.Integers(leadingSize, size)], type, [1, input, leadingSize, output],
            resize =>
            {
                resize.SetInts("axes", 2, 3).SetString("keep_aspect_ratio_policy", node.GetString("keep_aspect_ratio_policy", "stretch"));
                resize.Attribute.AddRange(node.Attribute.Where(attribute => Attributes.Contains(attribute.Name)).Select(attribute => attribute.Clone()));
            });
        return graph.Reshape(graph.Slice(resampled, 2, 0, 1), input, output);
    }

    private static Value Matrix(GraphEmitter graph, NodeProto node, TensorElementType type, long input, long output, float? scale, double[]? crop)
    {
        var identity = new double[input * input];
        for (var i = 0L; i < input; i++)
        {
            identity[(i * input) + i] = 1;
        }

        var nothing = graph.Reals(TensorElementType.Float, [0], []);
        var region = crop is null ? nothing : graph.Reals(TensorElementType.Float, [4], crop);
        Value[] inputs = scale is { } factor
            ? [graph.Reals(type, [input, input], identity), region, graph.Reals(TensorElementType.Float, [2], [1, factor])]
            : [graph.Reals(type, [input, input], identity), region, nothing, graph.Integers(input, output)];
        return graph.Node(
            "Resize", inputs, type, [input, output],
            resize => resize.Attribute.AddRange(node.Attribute.Where(attribute => Attributes.Contains(attribute.Name)).Select(attribute => attribute.Clone())));
    }
}
