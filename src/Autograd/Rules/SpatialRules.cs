using OrtZero.Autograd.Internal;
using OrtZero.Onnx;

namespace OrtZero.Autograd.Rules;

/// <summary>Moving between channels and space, and sampling at points.</summary>
internal static class SpatialRules
{
    public static void Register(GradientRuleSet rules)
    {
        rules.AddLowering("DepthToSpace", DepthToSpace);
        rules.AddLowering("SpaceToDepth", SpaceToDepth);
        rules.AddLowering("GridSample", GridSample);
    }

    private static bool DepthToSpace(LoweringContext context)
    {
        var graph = context.Graph;
        var (n, c, h, w) = Shape(context.X);
        var size = context.Node.GetInt("blocksize", 1);
        var depth = c / (size * size);
        var moved = context.Node.GetString("mode", "DCR") == "DCR"
            ? graph.Transpose(graph.Reshape(context.X, n, size, size, depth, h, w), 0, 3, 4, 1, 5, 2)
            : graph.Transpose(graph.Reshape(context.X, n, depth, size, size, h, w), 0, 1, 4, 2, 5, 3);
        context.Return(0, graph.Reshape(moved, n, depth, h * size, w * size));
        return true;
    }

    private static bool SpaceToDepth(LoweringContext context)
    {
        var graph = context.Graph;
        var (n, c, h, w) = Shape(context.X);
        var size = context.Node.GetInt("blocksize", 1);
        var moved = graph.Transpose(graph.Reshape(context.X, n, c, h / size, size, w / size, size), 0, 3, 5, 1, 2, 4);
        context.Return(0, graph.Reshape(moved, n, c * size * size, h / size, w / size));
        return true;
    }

    /// <summary>
    /// Each output is a weighted sum of neighbours of its point; weights are polynomials of the point's place between them, so the grid has
    /// a gradient too. Points are in [-1, 1], from corner to corner.
    /// </summary>
    private static bool GridSample(LoweringContext context)
    {
        var x = context.X;
        var grid = context.Input(1);
        if (x.Shape.Length != 4)
        {
            throw context.Unsupported("sampling of volumes has no gradient rule");
        }

        var mode = context.Node.GetString("mode", "bilinear");
        var graph = context.Graph;
        var sampler = new GridSampler(
            graph, x, context.Node.GetString("padding_mode", "zeros"), context.Node.GetInt("align_corners", 0) != 0);
        var flat = graph.Reshape(grid, grid.Shape[0], grid.Shape[1] * grid.Shape[2], 2);
        var (across, down) = (sampler.Position(graph.Slice(flat, 2, 0, 1), x.Shape[3]), sampler.Position(graph.Slice(flat, 2, 1, 2), x.Shape[2]));
        var sampled = mode switch
        {
            "nearest" => sampler.Nearest(across, down),
            "linear" or "bilinear" => sampler.Linear(across, down),
            _ => sampler.Cubic(across, down),
        };
        context.Return(0, graph.Reshape(sampled, x.Shape[0], x.Shape[1], grid.Shape[1], grid.Shape[2]));
        return true;
    }

    private static (long N, long C, long H, long W) Shape(Value x) => (x.Shape[0], x.Shape[1], x.Shape[2], x.Shape[3]);
}
