using OrtZero.Autograd.Internal;
using OrtZero.Kernels;
using OrtZero.Onnx;

namespace OrtZero.Autograd.Rules;

/// <summary>Reading and writing by index. An element that is read several times gets the sum of its copies' gradients.</summary>
internal static class GatherRules
{
    public static void Register(GradientRuleSet rules)
    {
        rules.Add("Gather", Gather);
        rules.Add("GatherElements", GatherElements);
        rules.Add("GatherND", GatherNd);
        rules.Add("TopK", TopK);
    }

    private static void Gather(RuleContext context)
    {
        if (!context.Needs(0))
        {
            return;
        }

        var graph = context.Graph;
        var shape = context.X.Shape;
        var axis = context.Axis("axis", 0);
        var indices = context.Input(1);
        if (graph.RowsBack(indices) is { } back)
        {
            context.Give(0, graph.Gather(context.DY, back, axis));
            return;
        }

        var count = Shapes.Count(indices.Shape);
        if (graph.Constant(indices.Name)?.ToInt64s() is { } known && IsRun(known, shape[axis]) is { } start)
        {
            context.GivePart(0, graph.Reshape(context.DY, Shapes.With(shape, axis, count)), axis, start);
            return;
        }

        var outer = Shapes.Count(shape.AsSpan(0, axis));
        var inner = Shapes.Count(shape.AsSpan(axis + 1));
        if (outer == 1 && graph.CanFuse("EmbeddingGrad", context.X.Type))
        {
            var table = graph.Node(
                "EmbeddingGrad", [graph.Reshape(context.DY, count, inner), graph.Cast(graph.Reshape(indices, count), TensorElementType.Int64)],
                context.X.Type, [shape[axis], inner], node => node.SetInt("rows", shape[axis]), KernelLibrary.Domain);
            context.Give(0, graph.Reshape(table, shape));
            return;
        }

        var rows = graph.ScatterRows(shape[axis], indices, graph.Reshape(context.DY, outer, count, inner));
        context.Give(0, graph.Reshape(rows, shape));
    }

    /// <summary>The first of indices that follow one another, else <c>null</c>.</summary>
    private static long? IsRun(long[] indices, long length)
    {
        for (var i = 0; i < indices.Length; i++)
        {
            var index = indices[i] < 0 ? indices[i] + length : indices[i];
            var first = indices[0] < 0 ? indices[0] + length : indices[0];
            if (index != first + i)
            {
                return null;
            }
        }

        return indices.Length == 0 ? null : indices[0] < 0 ? indices[0] + length : indices[0];
    }

    private static void GatherElements(RuleContext context)
    {
        if (context.Needs(0))
        {
            context.Give(0, ScatterElementsOf(context, context.DY, context.Input(1), context.Axis("axis", 0)));
        }
    }

    /// <summary>Adds updates onto zeros of the shape of X; other axes of the indices may be shorter than those of X.</summary>
    private static Value ScatterElementsOf(RuleContext context, Value updates, Value indices, int axis) =>
        context.Graph.ScatterAdd(context.X.Shape, indices, updates, axis);

    /// <summary>The indexed axes become one, and the index tuples one number each, so that whole rows are added by ScatterElements.</summary>
    private static void GatherNd(RuleContext context)
    {
        if (!context.Needs(0))
        {
            return;
        }

        var graph = context.Graph;
        var shape = context.X.Shape;
        var indices = context.Input(1);
        var batch = (int)context.Node.GetInt("batch_dims", 0);
        var depth = (int)indices.Shape[^1];
        var indexed = shape.AsSpan(0, batch + depth);
        var batches = Shapes.Count(shape.AsSpan(0, batch));
        var tuples = Shapes.Count(indices.Shape) / Math.Max(1, batches * depth);
        var inner = Shapes.Count(shape.AsSpan(batch + depth));

        var lengths = indexed[batch..].ToArray();
        var stride = Shapes.Count(lengths);
        var linear = graph.RowNumbers(graph.Reshape(indices, batches, tuples, depth), lengths);
        var offsets = graph.Reshape(graph.Mul(graph.Iota(batches), graph.Scalar(TensorElementType.Int64, stride)), batches, 1);
        var rows = graph.ScatterRows(
            batches * stride, graph.Add(linear, offsets), graph.Reshape(context.DY, 1, batches * tuples, inner));
        context.Give(0, graph.Reshape(rows, shape));
    }

    private static void TopK(RuleContext context) =>
        context.Give(0, ScatterElementsOf(
            context, context.DY, context.ExtraOutput(1, TensorElementType.Int64, context.Y.Shape), context.Axis("axis", -1)));
}
