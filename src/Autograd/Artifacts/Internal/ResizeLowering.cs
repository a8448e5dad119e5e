using OrtZero.Onnx;
using OrtZero.Onnx.Protobuf;

namespace OrtZero.Autograd.Internal;

/// <summary>
/// The gradient of resampling. The official operator resamples the last two axes, whatever is before them; along each it is a matrix, and
/// resampling the rows of the identity gives that matrix transposed, [input, output].
/// </summary>
internal static class ResizeLowering
{
    private static readonly string[] s_attributes =
        ["mode", "coordinate_transformation_mode", "nearest_mode", "cubic_coeff_a", "exclude_outside", "antialias"];

    public static void AddTo(Dictionary<string, Action<LoweringGraph, NodeProto>> table) => table["ResizeGrad"] = Lower;

    // Inputs: dY, X, and roi and scales where they are given.
    private static void Lower(LoweringGraph g, NodeProto node)
    {
        if (node.GetString("coordinate_transformation_mode", "half_pixel") == "tf_crop_and_resize")
        {
            throw new ArtifactException(
                $"Node {node.Describe()} resamples a region of its input, which the official operator does not differentiate: train the forward model instead (model.path).");
        }

        var (dy, shape) = (node.Input[0], g.Shape(node.Input[1]));
        var scales = node.InputOrEmpty(3);
        var from = g.Part(shape, -2, long.MaxValue);
        var to = g.Part(g.Shape(dy), -2, long.MaxValue);
        var rows = Matrix(g, node, First(g, from), First(g, to), scales, -2);
        var columns = Matrix(g, node, Last(g, from), Last(g, to), scales, -1);
        var images = g.Reshape(dy, g.Concat(g.Int64s([-1]), to));
        var spread = g.Op("MatMul", g.Op("MatMul", rows, images), g.Transpose(columns, 1, 0));
        g.Set(node.Output[0], g.Reshape(spread, shape));
    }

    private static string Matrix(LoweringGraph g, NodeProto node, string from, string to, string scales, long axis)
    {
        var identity = g.Op("EyeLike", g.Zeros(g.Concat(from, from)));
        string[] sizes = scales.Length > 0
            ? [identity, "", g.Op("Concat", [g.Reshape(g.Single(1), 1), g.Part(scales, axis, axis == -1 ? long.MaxValue : -1)], concat => concat.SetInt("axis", 0))]
            : [identity, "", "", g.Concat(from, to)];
        return g.Op("Resize", sizes, resize => resize.Attribute.AddRange(
            node.Attribute.Where(attribute => s_attributes.Contains(attribute.Name)).Select(attribute => attribute.Clone())));
    }

    private static string First(LoweringGraph g, string pair) => g.Part(pair, 0, 1);

    private static string Last(LoweringGraph g, string pair) => g.Part(pair, 1, 2);
}
