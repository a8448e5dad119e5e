using OrtZero.Autograd.Internal;
using OrtZero.Onnx;

namespace OrtZero.Autograd.Rules;

/// <summary>Matrix products.</summary>
internal static class MatrixRules
{
    public static void Register(GradientRuleSet rules)
    {
        rules.Add("MatMul", MatMul);
        rules.Add("Gemm", Gemm);
    }

    /// <summary>
    /// dA = dY·Bᵀ and dB = Aᵀ·dY. A vector is a matrix with one row (left) or one column (right). Where B is a single matrix, all rows of A
    /// are one tall matrix: a weight's gradient is one product, with no batch of products to add up.
    /// </summary>
    private static void MatMul(RuleContext context)
    {
        var graph = context.Graph;
        var a = context.Input(0);
        var b = context.Input(1);
        var left = a.Shape.Length == 1 ? graph.Reshape(a, 1, a.Shape[0]) : a;
        var right = b.Shape.Length == 1 ? graph.Reshape(b, b.Shape[0], 1) : b;
        long[] shape = [.. Shapes.Broadcast(left.Shape.AsSpan(..^2), right.Shape.AsSpan(..^2)), left.Shape[^2], right.Shape[^1]];
        var dy = graph.Reshape(context.DY, shape);
        if (Shapes.Count(right.Shape.AsSpan(..^2)) == 1)
        {
            right = graph.Reshape(right, right.Shape[^2], right.Shape[^1]);
        }

        if (context.Needs(0))
        {
            Give(context, 0, graph.MatMul(dy, right, transposeB: true));
        }

        if (context.Needs(1))
        {
            if (right.Shape.Length == 2)
            {
                left = graph.Reshape(left, Shapes.Count(left.Shape.AsSpan(..^1)), left.Shape[^1]);
                dy = graph.Reshape(dy, left.Shape[0], right.Shape[1]);
            }

            Give(context, 1, graph.MatMul(left, dy, transposeA: true));
        }
    }

    /// <summary>Sums over broadcast batch axes and takes off what was added to vectors.</summary>
    private static void Give(RuleContext context, int index, Value gradient)
    {
        var shape = context.Input(index).Shape;
        if (shape.Length > 1 && Shapes.Count(shape) != Shapes.Count(gradient.Shape))
        {
            gradient = context.Graph.SumTo(gradient, shape);
        }
        else if (shape.Length == 1 && gradient.Shape.Length > 2)
        {
            gradient = context.Graph.SumTo(gradient, [.. gradient.Shape.AsSpan(^2..)]);
        }

        context.Give(index, context.Graph.Reshape(gradient, shape));
    }

    /// <summary>Y = alpha·A'·B' + beta·C, where A' and B' may be transposed: dA' = alpha·dY·B'ᵀ, dB' = alpha·A'ᵀ·dY, dC = beta·dY.</summary>
    private static void Gemm(RuleContext context)
    {
        var graph = context.Graph;
        var transposeA = context.Node.GetInt("transA", 0) != 0;
        var transposeB = context.Node.GetInt("transB", 0) != 0;
        var a = context.Input(0);
        var b = context.Input(1);
        var dy = context.DY;
        var scaled = graph.Mul(dy, context.Node.GetFloat("alpha", 1));
        if (context.Needs(0))
        {
            context.Give(0, transposeA ? graph.MatMul(b, scaled, transposeB, true) : graph.MatMul(scaled, b, false, !transposeB));
        }

        if (context.Needs(1))
        {
            context.Give(1, transposeB ? graph.MatMul(scaled, a, true, transposeA) : graph.MatMul(a, scaled, !transposeA, false));
        }

        if (context.Needs(2))
        {
            context.Give(2, graph.Mul(graph.SumTo(dy, context.Input(2).Shape), context.Node.GetFloat("beta", 1)));
        }
    }
}
