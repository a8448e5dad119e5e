using OrtZero.Autograd.Internal;
using OrtZero.Kernels;
using OrtZero.Onnx;

namespace OrtZero.Autograd.Rules;

/// <summary>Small fused operators of com.microsoft, which optimizers leave in models.</summary>
internal static class MicrosoftRules
{
    private const string Microsoft = "com.microsoft";

    public static void Register(GradientRuleSet rules)
    {
        rules.AddLowering("BiasGelu", context => Gelu(context, "none"), Microsoft);
        rules.AddLowering("FastGelu", context => Gelu(context, "tanh"), Microsoft);
        rules.AddLowering("QuickGelu", QuickGelu, Microsoft);
        rules.AddLowering("FusedMatMul", PlainFusedMatMul, Microsoft);
        rules.Add("FusedMatMul", FusedMatMul, Microsoft);
        rules.Add("MatMulNBits", QuantizedMatMul, Microsoft);
        rules.Add("MatMulBnb4", QuantizedMatMul, Microsoft);
    }

    private static bool Gelu(LoweringContext context, string approximate)
    {
        var graph = context.Graph;
        var x = context.OptionalInput(1) is { } bias ? graph.Add(context.X, bias) : context.X;
        if (graph.CanFuse("Gelu", x.Type))
        {
            context.Return(0, graph.Unary("Gelu", x, node => node.SetString("approximate", approximate), KernelLibrary.Domain));
            return true;
        }

        var bent = approximate == "tanh"
            ? graph.Unary("Tanh", graph.Mul(graph.Mul(x, graph.Add(graph.Mul(graph.Square(x), 0.044715), 1)), Math.Sqrt(2 / Math.PI)))
            : graph.Unary("Erf", graph.Mul(x, 1 / Math.Sqrt(2)));
        context.Return(0, graph.Mul(graph.Mul(x, graph.Add(bent, 1)), 0.5));
        return true;
    }

    private static bool QuickGelu(LoweringContext context)
    {
        var graph = context.Graph;
        context.Return(0, graph.Mul(context.X, graph.Unary("Sigmoid", graph.Mul(context.X, context.Node.GetFloat("alpha", 1.702f)))));
        return true;
    }

    /// <summary>
    /// Vectors and transposed batches are written as the plain operator: a vector is a matrix of one row (left) or one column (right), and a
    /// transposed batch has its first axis, the rows, in front of the batch.
    /// </summary>
    private static bool PlainFusedMatMul(LoweringContext context)
    {
        var node = context.Node;
        var (a, b) = (context.X, context.Input(1));
        var (batchA, batchB) = (node.GetInt("transBatchA", 0) != 0, node.GetInt("transBatchB", 0) != 0);
        if (!batchA && !batchB && a.Shape.Length > 1 && b.Shape.Length > 1)
        {
            return false;
        }

        var graph = context.Graph;
        var left = a.Shape.Length == 1 ? graph.Reshape(a, 1, a.Shape[0]) : batchA ? RowsBehindBatch(graph, a) : a;
        var right = b.Shape.Length == 1 ? graph.Reshape(b, b.Shape[0], 1) : batchB ? RowsBehindBatch(graph, b) : b;
        var transposeA = node.GetInt("transA", 0) != 0 && a.Shape.Length > 1;
        var transposeB = node.GetInt("transB", 0) != 0 && b.Shape.Length > 1;
        var product = graph.Mul(graph.MatMul(left, right, transposeA, transposeB), node.GetFloat("alpha", 1));
        context.Return(0, graph.Reshape(product, context.Output(0).Shape));
        return true;

        static Value RowsBehindBatch(GraphEmitter graph, Value x) =>
            graph.Transpose(x, [.. Shapes.Range(x.Shape.Length)[1..^1], 0, x.Shape.Length - 1]);
    }

    /// <summary>Y = alpha·A'·B' with A and B transposed or not: dA' = alpha·dY·B'ᵀ, dB' = alpha·A'ᵀ·dY.</summary>
    private static void FusedMatMul(RuleContext context)
    {
        var graph = context.Graph;
        var node = context.Node;
        var (a, b) = (context.X, context.Input(1));
        var (transposeA, transposeB) = (node.GetInt("transA", 0) != 0, node.GetInt("transB", 0) != 0);
        var dy = graph.Mul(context.DY, node.GetFloat("alpha", 1));
        if (context.Needs(0))
        {
            context.Give(0, transposeA ? graph.MatMul(b, dy, transposeB, true) : graph.MatMul(dy, b, false, !transposeB));
        }

        if (context.Needs(1))
        {
            context.Give(1, transposeB ? graph.MatMul(dy, a, true, transposeA) : graph.MatMul(a, dy, !transposeA, false));
        }
    }

    /// <summary>
    /// Y = A·W + bias with W stored in 4 or 8 bits, which are frozen. No stock operator unpacks W, but the product of the identity with it
    /// is W: of constants alone, so ONNX Runtime computes it once, when the session opens. dA = dY·Wᵀ, dbias = Σ dY.
    /// </summary>
    private static void QuantizedMatMul(RuleContext context)
    {
        var graph = context.Graph;
        var node = context.Node;
        if (Enumerable.Range(1, Math.Min(node.Input.Count, 5) - 1).FirstOrDefault(context.Needs) is > 0 and var index)
        {
            throw context.Unsupported($"'{node.Input[index]}', part of its packed weight, cannot be trained");
        }

        if (context.Needs(0))
        {
            var x = context.X;
            var rows = node.GetInt("K", x.Shape[^1]);
            var columns = node.GetInt("N", context.Y.Shape[^1]);
            var identity = graph.Node("EyeLike", [graph.Filled(x.Type, [rows, rows], 0)], x.Type, [rows, rows]);
            Value[] parts = [identity, .. node.Input.Skip(1).Take(3).Where(name => name.Length > 0).Select(graph.Find)];
            var weight = graph.Node(
                node.OpType, parts, x.Type, [rows, columns],
                product => product.Attribute.AddRange(node.Attribute.Where(attribute => attribute.Name != "accuracy_level").Select(attribute => attribute.Clone())),
                Microsoft);
            context.Give(0, graph.MatMul(context.DY, weight, transposeB: true));
        }

        if (context.Needs(5))
        {
            context.Give(5, context.DY);
        }
    }
}
