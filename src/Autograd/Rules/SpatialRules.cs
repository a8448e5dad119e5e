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
        var mode = context.Node.GetString("mode", "bilinear");
        var axes = x.Shape.Length - 2;
        if (axes != 2 && mode is "cubic" or "bicubic")
        {
            throw context.Unsupported($"mode '{mode}' is for images only (use linear or nearest)");
        }

        var graph = context.Graph;
        var sampler = new GridSampler(
            graph, x, context.Node.GetString("padding_mode", "zeros"), context.Node.GetInt("align_corners", 0) != 0);
        var flat = graph.Reshape(grid, grid.Shape[0], Shapes.Count(grid.Shape.AsSpan(1..^1)), axes);

        // Points name the last axis first.
        Value[] positions = [.. Enumerable.Range(0, axes).Select(axis =>
            sampler.Position(graph.Slice(flat, 2, axes - 1 - axis, axes - axis), x.Shape[axis + 2]))];
        var sampled = mode switch
        {
            "nearest" => sampler.Nearest(positions),
            "linear" or "bilinear" => sampler.Linear(positions),
            _ => sampler.Cubic(positions[0], positions[1]),
        };
        context.Return(0, graph.Reshape(sampled, [.. x.Shape.AsSpan(0, 2), .. grid.Shape.AsSpan(1..^1)]));
        return true;
    }

    private static (long N, long C, long H, long W) Shape(Value x) => (x.Shape[0], x.Shape[1], x.Shape[2], x.Shape[3]);
}
