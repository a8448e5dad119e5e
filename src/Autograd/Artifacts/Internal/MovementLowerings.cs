using OrtZero.Onnx;
using OrtZero.Onnx.Protobuf;

namespace OrtZero.Autograd.Internal;

/// <summary>Operators that move, join or add up elements, and the gradients of such operators.</summary>
internal static class MovementLowerings
{
    public static void AddTo(Dictionary<string, Action<LoweringGraph, NodeProto>> table)
    {
        table["GatherGrad"] = GatherGradient;
        table["GatherElementsGrad"] = (g, node) => g.Set(
            node.Output[0], g.ScatterAdd(g.Zeros(node.Input[1]), node.Input[2], node.Input[0], node.GetInt("axis", 0)));
        table["GatherNDGrad"] = GatherNdGradient;
        table["SliceGrad"] = SliceGradient;
        table["MaxPoolGrad"] = MaxPoolGradient;
        table["DivGrad"] = DivGradient;
        table["BroadcastGradientArgs"] = (g, node) =>
        {
            Broadcast(g, node.Input[0], node.Input[1], node.OutputOrEmpty(0));
            Broadcast(g, node.Input[1], node.Input[0], node.OutputOrEmpty(1));
        };
        table["ReduceSumTraining"] = (g, node) => Renamed(g, node, "ReduceSum");
        table["SplitTraining"] = (g, node) => Renamed(g, node, "Split");
        table["ConcatTraining"] = (g, node) =>
        {
            var axis = node.GetInt("axis", 0);
            g.Op("Concat", [.. node.Input], concat => concat.SetInt("axis", axis), node.Output[0]);
            if (node.OutputOrEmpty(1).Length > 0)
            {
                var lengths = node.Input.Select(input => g.Op("Gather", g.Shape(input), g.Int64s([axis]))).ToArray();
                g.Set(node.Output[1], g.Concat(lengths));
            }
        };
    }

    private static void Renamed(LoweringGraph g, NodeProto node, string operatorName)
    {
        var copy = node.Clone();
        (copy.OpType, copy.Domain) = (operatorName, "");
        g.Nodes.Add(copy);
    }

    // Rows of [before, K, after] are added into [before, n, after] at the K indices.
    private static void GatherGradient(LoweringGraph g, NodeProto node)
    {
        var (shape, axis) = (node.Input[0], node.GetInt("axis", 0));
        var before = g.Product(g.Part(shape, 0, axis));
        var own = g.Part(shape, axis, axis == -1 ? long.MaxValue : axis + 1);
        var after = axis == -1 ? g.Int64s([1]) : g.Product(g.Part(shape, axis + 1, long.MaxValue));
        var updates = g.Reshape(node.Input[2], g.Concat(before, g.Op("Reshape", g.Op("Size", node.Input[1]), g.Int64s([1])), after));
        var indices = g.Op("Expand", g.Reshape(g.Cast(node.Input[1], TensorElementType.Int64), 1, -1, 1), g.Shape(updates));
        g.Set(node.Output[0], g.Reshape(g.ScatterAdd(g.Zeros(g.Concat(before, own, after)), indices, updates, 1), shape));
    }

    // Of [batch, indexed axes, rest] the indexed axes become one; gathering from the positions along it gives the place of each row.
    private static void GatherNdGradient(LoweringGraph g, NodeProto node)
    {
        var (shape, indices, batchAxes) = (node.Input[0], node.Input[1], g.Int64s([node.GetInt("batch_dims", 0)]));
        var zero = g.Int64s([0]);
        var end = g.Add(batchAxes, g.Part(g.Shape(indices), -1, long.MaxValue));
        var indexed = g.Op("Slice", shape, batchAxes, end);
        var batch = g.Product(g.Op("Slice", shape, zero, batchAxes));
        var rows = g.Product(indexed);
        var rest = g.Product(g.Op("Slice", shape, end, g.Int64s([long.MaxValue])));
        var positions = g.Reshape(g.Op("Range", g.Op("Squeeze", zero), g.Op("Squeeze", rows), g.Op("Squeeze", g.Int64s([1]))), indexed);
        var updates = g.Reshape(node.Input[2], g.Concat(batch, g.Int64s([-1]), rest));
        var taken = g.Reshape(g.Op("GatherND", positions, indices), g.Concat(batch, g.Int64s([-1, 1])));
        var sums = g.ScatterAdd(g.Zeros(g.Concat(batch, rows, rest)), g.Op("Expand", taken, g.Shape(updates)), updates, 1);
        g.Set(node.Output[0], g.Reshape(sums, shape));
    }

    // The same slice of the elements' positions tells where each gradient belongs.
    private static void SliceGradient(LoweringGraph g, NodeProto node)
    {
        var shape = node.Input[1];
        var count = g.Product(shape);
        var zero = g.Op("Squeeze", g.Int64s([0]));
        var one = g.Op("Squeeze", g.Int64s([1]));
        var positions = g.Reshape(g.Op("Range", zero, g.Op("Squeeze", count), one), shape);
        var taken = g.Op("Slice", [positions, .. node.Input.Skip(2)], attributes: null);
        var flat = g.ScatterAdd(g.Zeros(count), g.Reshape(taken, -1), g.Reshape(node.Input[0], -1), 0);
        g.Set(node.Output[0], g.Reshape(flat, shape));
    }

    // Indices count over the whole input, all samples and channels.
    private static void MaxPoolGradient(LoweringGraph g, NodeProto node)
    {
        var pool = g.Producer(node.Input[1])
            ?? throw new ArtifactException($"Node {node.Describe()} takes indices that no MaxPool gives; write the artifacts again.");
        var shape = g.Shape(pool.Input[0]);
        var flat = g.ScatterAdd(g.Zeros(g.Product(shape)), g.Reshape(node.Input[1], -1), g.Reshape(node.Input[0], -1), 0);
        g.Set(node.Output[0], g.Reshape(flat, shape));
    }

    // dA = dY/B and dB = -dY·A/B², each summed over the axes along which the operand was repeated.
    private static void DivGradient(LoweringGraph g, NodeProto node)
    {
        var (dy, a, b) = (node.Input[0], node.Input[1], node.Input[2]);
        var (shapeA, shapeB) = (g.Shape(a), g.Shape(b));
        var quotient = g.Div(dy, b);
        if (node.OutputOrEmpty(0).Length > 0)
        {
            g.Set(node.Output[0], Unbroadcast(quotient, shapeA, shapeB));
        }

        if (node.OutputOrEmpty(1).Length > 0)
        {
            g.Set(node.Output[1], Unbroadcast(g.Op("Neg", g.Div(g.Mul(quotient, a), b)), shapeB, shapeA));
        }

        string Unbroadcast(string value, string own, string other) => g.Reshape(
            g.Op("ReduceSum", [value, Broadcast(g, own, other, "")], reduce => reduce.SetInt("keepdims", 0).SetInt("noop_with_empty_axes", 1)), own);
    }

    // The axes along which a shape is repeated to meet another: both are filled with ones in front to one length, and count where
    // the own length is 1 and the other's is not.
    private static string Broadcast(LoweringGraph g, string own, string other, string output)
    {
        var (left, right) = (Padded(own, other), Padded(other, own));
        var repeated = g.Op("And", g.Op("Equal", left, g.Int64s([1])), g.Op("Not", g.Op("Equal", left, right)));
        var axes = g.Op("Squeeze", g.Op("NonZero", repeated), g.Int64s([0]));
        g.Set(output, axes);
        return axes;

        string Padded(string shape, string like)
        {
            var missing = g.Op("Max", g.Sub(g.Shape(like), g.Shape(shape)), g.Int64s([0]));
            return g.Concat(g.Op("Expand", g.Int64s([1]), missing), shape);
        }
    }
}
