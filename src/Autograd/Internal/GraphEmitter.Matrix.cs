using OrtZero.Onnx;
using OrtZero.Onnx.Protobuf;

namespace OrtZero.Autograd.Internal;

/// <summary>Matrix products. Transposed operands are folded into the product instead of being written.</summary>
internal sealed partial class GraphEmitter
{
    private const string MicrosoftDomain = "com.microsoft";

    /// <summary>op(a)·op(b) over the last two axes, broadcasting the axes before; both have at least two axes.</summary>
    public Value MatMul(Value a, Value b, bool transposeA = false, bool transposeB = false)
    {
        (a, transposeA) = WithoutTranspose(a, transposeA);
        (b, transposeB) = WithoutTranspose(b, transposeB);
        var rows = a.Shape[transposeA ? ^1 : ^2];
        var columns = b.Shape[transposeB ? ^2 : ^1];
        long[] shape = [.. Shapes.Broadcast(a.Shape.AsSpan(..^2), b.Shape.AsSpan(..^2)), rows, columns];
        if (!transposeA && !transposeB)
        {
            return Node("MatMul", [a, b], a.Type, shape);
        }

        if (a.Shape.Length == 2 && b.Shape.Length == 2)
        {
            return Gemm(a, b, transposeA, transposeB);
        }

        if (_options.FusedKernels)
        {
            return Node(
                "FusedMatMul", [a, b], a.Type, shape,
                node => node.SetInt("transA", transposeA ? 1 : 0).SetInt("transB", transposeB ? 1 : 0), MicrosoftDomain);
        }

        if (b.Shape.Length == 2 && !transposeA)
        {
            // Gemm takes a transposed operand as it is; all rows of a are one tall matrix.
            return Reshape(Gemm(Reshape(a, Shapes.Count(a.Shape.AsSpan(..^1)), a.Shape[^1]), b, false, transposeB), shape);
        }

        return Node(
            "MatMul",
            [transposeA ? Transpose(a, Shapes.SwapLast(a.Shape.Length)) : a, transposeB ? Transpose(b, Shapes.SwapLast(b.Shape.Length)) : b],
            a.Type,
            shape);
    }

    private Value Gemm(Value a, Value b, bool transposeA, bool transposeB) => Node(
        "Gemm", [a, b], a.Type, [a.Shape[transposeA ? 1 : 0], b.Shape[transposeB ? 0 : 1]],
        node => node.SetInt("transA", transposeA ? 1 : 0).SetInt("transB", transposeB ? 1 : 0));

    /// <summary>The transpose of a product of two matrices, as a product: (AB)ᵀ = BᵀAᵀ. The first form is dropped if nothing else reads it.</summary>
    private Value? TransposedProduct(NodeProto node)
    {
        var a = _values[node.Input[0]];
        var b = _values[node.Input[1]];
        return a.Shape.Length == 2 && b.Shape.Length == 2 && node.GetFloat("alpha", 1) == 1
            ? MatMul(b, a, node.GetInt("transB", 0) == 0, node.GetInt("transA", 0) == 0)
            : null;
    }

    private (Value Source, bool Transposed) WithoutTranspose(Value x, bool transposed)
    {
        if (Producer(x.Name) is { OpType: "Transpose", Domain: "" } node && _values.TryGet(node.Input[0], out var source)
            && Permutation(node, source.Shape.Length).AsSpan().SequenceEqual(Shapes.SwapLast(source.Shape.Length)))
        {
            return (source, !transposed);
        }

        return (x, transposed);
    }
}
