using OrtZero.Kernels;
using OrtZero.Onnx;
using OrtZero.Onnx.Protobuf;

namespace OrtZero.Autograd.Internal;

/// <summary>
/// Which operators work on each row by itself. The rows of a value are counted by its first axes together: [8, 128, 384] has 1024 rows
/// along its first two axes.
/// </summary>
/// <param name="values">Types, shapes and constants.</param>
/// <param name="opset">The version of the default operator set.</param>
/// <param name="rows">How many rows there are.</param>
internal sealed class RowWise(ValueTable values, long opset, long rows)
{
    private static readonly HashSet<string> s_elementwise = new(
        [
            "Add", "Sub", "Mul", "Div", "Sum", "Mean", "Where", "PRelu", "Identity", "Cast", "Neg", "Abs", "Sqrt", "Exp", "Log", "Reciprocal", "Erf",
            "Sin", "Cos", "Tanh", "Sigmoid", "Relu", "LeakyRelu", "Elu", "Celu", "Selu", "Softplus", "Softsign", "HardSigmoid", "HardSwish", "Mish",
            "ThresholdedRelu", "Clip", "Gelu", "Pow",
        ],
        StringComparer.Ordinal);

    private static readonly HashSet<string> s_views = new(["Reshape", "Flatten", "Squeeze", "Unsqueeze"], StringComparer.Ordinal);

    /// <summary>Whether a node only gives a value another shape.</summary>
    public static bool IsView(NodeProto node) => IsStandard(node) && s_views.Contains(node.OpType);

    /// <summary>
    /// For each input of a node the number of its first axes that count rows, 0 where it is the same for all rows; <c>null</c> if the
    /// first output's rows do not follow from the same rows of the inputs.
    /// </summary>
    /// <param name="node">The node.</param>
    /// <param name="axes">The number of the first output's first axes that count rows.</param>
    public int[]? Axes(NodeProto node, int axes)
    {
        if (node.Input.Any(input => input.Length > 0 && !values.TryGet(input, out _)) || !values.TryGet(node.Output[0], out var output))
        {
            return null;
        }

        var result = node.OpType switch
        {
            "Gelu" or "Silu" or "SwiGlu" when !IsStandard(node) => Elementwise(node, output, axes),
            "RmsNormalization" when node.Domain == KernelLibrary.Domain => Within(node, axes, -1),
            _ when !IsStandard(node) => null,
            "MatMul" => MatMul(node, axes),
            "Gemm" => node.GetInt("transA", 0) == 0 && axes == 1 ? With(Inputs(node, 1), (0, 1), (2, Aligned(node, 2, output, axes))) : null,
            "LayerNormalization" or "SimplifiedLayerNormalization" or "RMSNormalization" => Within(node, axes, -1),
            "Softmax" or "LogSoftmax" => opset >= 13 ? Within(node, axes, -1) : null,
            "ReduceSum" or "ReduceMean" => Reduction(node, axes),
            "Dropout" => node.Input.Count == 1 ? [axes] : null,
            "Pow" when values.Constant(node.Input[1]) is null => null,
            _ when s_views.Contains(node.OpType) => View(node, output),
            _ => s_elementwise.Contains(node.OpType) ? Elementwise(node, output, axes) : null,
        };
        return result is not null && Array.TrueForAll(result, count => count >= 0) && Array.Exists(result, count => count > 0) ? result : null;
    }

    private static bool IsStandard(NodeProto node) => node.Domain is "" or "ai.onnx";

    private static int[] Inputs(NodeProto node, int least) => new int[Math.Max(least, node.Input.Count)];

    private static int[] With(int[] inputs, params ReadOnlySpan<(int Index, int Axes)> given)
    {
        foreach (var (index, axes) in given)
        {
            if (index < inputs.Length)
            {
                inputs[index] = axes;
            }
        }

        return inputs;
    }

    private int[] Elementwise(NodeProto node, Value output, int axes) =>
        [.. Enumerable.Range(0, node.Input.Count).Select(index => Aligned(node, index, output, axes))];

    /// <summary>The rows' axes of an input that is broadcast to the output: 0 if it has none of them, -1 if it has only some.</summary>
    private int Aligned(NodeProto node, int index, Value output, int axes)
    {
        if (index >= node.Input.Count || node.Input[index].Length == 0)
        {
            return 0;
        }

        var shape = values[node.Input[index]].Shape;
        var own = Math.Max(0, axes - (output.Shape.Length - shape.Length));
        var count = Shapes.Count(shape.AsSpan(0, own));
        return count == 1 ? 0 : count == rows ? own : -1;
    }

    /// <summary>Rows times one matrix.</summary>
    private int[]? MatMul(NodeProto node, int axes) =>
        values[node.Input[1]].Shape.Length == 2 && axes < values[node.Input[0]].Shape.Length ? [axes, 0] : null;

    /// <summary>An operator along axes behind those of the rows, which further inputs (scale, bias) do not have.</summary>
    private int[]? Within(NodeProto node, int axes, long otherwise)
    {
        var shape = values[node.Input[0]].Shape;
        var isWithin = Shapes.Axis(node.GetInt("axis", otherwise), shape.Length) >= axes
            && node.Input.Skip(1).All(input => input.Length == 0 || values[input].Shape.Length <= shape.Length - axes);
        return isWithin ? With(Inputs(node, 1), (0, axes)) : null;
    }

    private int[]? Reduction(NodeProto node, int axes)
    {
        var rank = values[node.Input[0]].Shape.Length;
        var reduced = node.GetInts("axes") ?? (node.Input.Count > 1 && node.Input[1].Length > 0 ? values.Constant(node.Input[1])?.ToInt64s() : null);
        return reduced is { Length: > 0 } && Array.TrueForAll(reduced, axis => Shapes.Axis(axis, rank) >= axes) ? With(Inputs(node, 1), (0, axes)) : null;
    }

    /// <summary>Rows lie one behind the other, so a view keeps them where first axes of both shapes count them.</summary>
    private int[]? View(NodeProto node, Value output)
    {
        var shape = values[node.Input[0]].Shape;
        var own = Enumerable.Range(1, shape.Length).FirstOrDefault(count => Shapes.Count(shape.AsSpan(0, count)) == rows);
        return own > 0 && Shapes.Count(output.Shape) > 0 ? With(Inputs(node, 1), (0, own)) : null;
    }
}
