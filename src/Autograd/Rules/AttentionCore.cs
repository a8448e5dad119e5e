using OrtZero.Autograd.Internal;
using OrtZero.Onnx;

namespace OrtZero.Autograd.Rules;

/// <summary>Scaled dot-product attention over heads.</summary>
internal sealed record AttentionCore
{
    // What the operators add where a query may not look: the lowest float32, which the exponential of any row turns to 0.
    private const double Lowest = -3.4028234663852886e38;

    /// <summary>Multiplies the products of queries and keys; <c>null</c>: one over the root of the length of a head.</summary>
    public double? Scale { get; init; }

    /// <summary>Bounds the scores to this number smoothly (c·tanh(s/c)); 0: it does not.</summary>
    public double SoftCap { get; init; }

    /// <summary>Added to the scores after scaling, broadcast to [B, H, S, L].</summary>
    public IReadOnlyList<Value> Biases { get; init; } = [];

    /// <summary>A query looks at no key behind itself, the last query standing at the last key.</summary>
    public bool IsCausal { get; init; }

    /// <summary>The keys that stand before the first query where attention is causal; <c>null</c>: as many as there are more keys than queries.</summary>
    public long? Past { get; init; }

    /// <summary>The exponentials are divided by one more than their sum, so that a query may look at nothing.</summary>
    public bool HasSink { get; init; }

    /// <summary>How many keys a query sees, itself included; 0: all before it.</summary>
    public long Window { get; init; }

    /// <summary>softmax(scale·Q·Kᵀ + biases)·V for Q [B, H, S, D], K [B, H', L, D], V [B, H', L, E], where H is a multiple of H'.</summary>
    /// <returns>The result, and what each stage makes of the scores.</returns>
    public Result Emit(GraphEmitter graph, Value query, Value key, Value value)
    {
        var (batch, heads, steps, length) = (query.Shape[0], query.Shape[1], query.Shape[2], query.Shape[3]);
        var shared = key.Shape[1];
        var keys = key.Shape[2];
        if (heads != shared)
        {
            // Heads that share a key lie side by side: the rows of one product.
            query = graph.Reshape(query, batch, shared, heads / shared * steps, length);
        }

        var scaled = graph.Mul(query, Scale ?? (1 / Math.Sqrt(length)));
        var scores = graph.Reshape(graph.MatMul(scaled, key, transposeB: true), batch, heads, steps, keys);
        var masked = scores;
        foreach (var bias in Biases)
        {
            masked = graph.Add(masked, bias);
        }

        var biased = masked;
        if (SoftCap != 0)
        {
            masked = graph.Mul(graph.Unary("Tanh", graph.Mul(masked, 1 / SoftCap)), SoftCap);
        }

        if (IsCausal)
        {
            masked = graph.Where(Hidden(graph, steps, keys), graph.Scalar(query.Type, Lowest), masked);
        }

        if (HasSink)
        {
            // One more key, of score 0, that nothing is read from.
            masked = graph.Concat([masked, graph.Filled(masked.Type, [batch, heads, steps, 1], 0)], 3);
        }

        var weights = graph.Unary("Softmax", masked, node => node.SetInt("axis", -1));
        weights = graph.Slice(weights, 3, 0, keys);
        var shares = weights;
        if (heads != shared)
        {
            weights = graph.Reshape(weights, batch, shared, heads / shared * steps, keys);
        }

        return new Result(graph.Reshape(graph.MatMul(weights, value), batch, heads, steps, value.Shape[3]), scores, biased, shares);
    }

    /// <summary>The result [B, H, S, E]; scaled products, with biases, and the shares that the softmax makes of them, all [B, H, S, L].</summary>
    public sealed record Result(Value Output, Value Scores, Value Biased, Value Shares);

    /// <summary>Which keys each query may not see, [S, L], made from the positions in the run so that nothing large is stored.</summary>
    private Value Hidden(GraphEmitter graph, long steps, long keys)
    {
        var offset = Past ?? (keys - steps);
        var position = graph.Add(graph.Iota(steps, 1), graph.Scalar(TensorElementType.Int64, offset));
        var other = graph.Iota(1, keys);
        var hidden = graph.Less(position, other);
        return Window <= 0
            ? hidden
            : graph.Or(hidden, graph.LessOrEqual(other, graph.Sub(position, graph.Scalar(TensorElementType.Int64, Window))));
    }

    /// <summary>Additive form of a mask that is true where a key may be seen.</summary>
    public static Value Bias(GraphEmitter graph, Value mask, TensorElementType type, double hidden = Lowest) =>
        graph.Where(mask, graph.Scalar(type, 0), graph.Scalar(type, hidden));

    /// <summary>[B, S, H·D] to [B, H, S, D].</summary>
    public static Value Split(GraphEmitter graph, Value x, long heads) =>
        graph.Transpose(graph.Reshape(x, x.Shape[0], x.Shape[1], heads, x.Shape[2] / heads), 0, 2, 1, 3);

    /// <summary>[B, H, S, D] to [B, S, H·D].</summary>
    public static Value Join(GraphEmitter graph, Value x) =>
        graph.Reshape(graph.Transpose(x, 0, 2, 1, 3), x.Shape[0], x.Shape[2], x.Shape[1] * x.Shape[3]);
}
