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
        if (node.GetString("keep_aspect_ratio_policy", "stretch") != "stretch")
        {
            throw context.Unsupported("keeping the aspect ratio while resizing has no gradient rule");
        }

        var graph = context.Graph;
        var shape = context.X.Shape;
        var axes = node.GetInts("axes") is { } given ? Array.ConvertAll(given, axis => Shapes.Axis(axis, shape.Length)) : [.. Enumerable.Range(0, shape.Length)];
        var scales = context.HasInput(2) && graph.Constant(node.Input[2]) is { } tensor && tensor.ElementCount() > 0 ? tensor.ToSingles() : null;
        var crop = node.GetString("coordinate_transformation_mode", "half_pixel") == "tf_crop_and_resize"
            ? graph.Constant(node.Input[1])?.ToSingles() ?? throw context.Unsupported("its region of interest is computed from data")
            : null;
        var gradient = context.DY;
        for (var i = 0; i < axes.Length; i++)
        {
            var axis = axes[i];
            var (input, output) = (shape[axis], context.Y.Shape[axis]);
            if (input == output && (scales is null || scales[i] == 1) && (crop is null || (crop[i] == 0 && crop[axes.Length + i] == 1)))
            {
                continue;
            }

            var matrix = Matrix(graph, node, context.X.Type, input, output, scales?[i], crop is null ? null : [0, crop[i], 1, crop[axes.Length + i]]);
            var flat = graph.Reshape(
                gradient, Shapes.Count(gradient.Shape.AsSpan(0, axis)), output, Shapes.Count(gradient.Shape.AsSpan(axis + 1)));
            gradient = graph.Reshape(graph.MatMul(matrix, flat), Shapes.With(gradient.Shape, axis, input));
        }

        context.Give(0, gradient);
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
