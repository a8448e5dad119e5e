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

    /// <summary>Added to the scores behind the bound, broadcast to [B, H, S, L].</summary>
    public IReadOnlyList<Value> Biases { get; init; } = [];

    /// <summary>True where a query may not look at a key, broadcast to [B, H, S, L].</summary>
    public IReadOnlyList<Value> Hidden { get; init; } = [];

    /// <summary>A query looks at no key behind itself, the last query standing at the last key.</summary>
    public bool IsCausal { get; init; }

    /// <summary>The keys that stand before the first query where attention is causal; <c>null</c>: as many as there are more keys than queries.</summary>
    public long? Past { get; init; }

    /// <summary>
    /// The score, one number or one for each head, of a further key that nothing is read from, so that a query may look at nothing.
    /// </summary>
    public Value? Sink { get; init; }

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
        var bounded = SoftCap == 0 ? scores : graph.Mul(graph.Unary("Tanh", graph.Mul(scores, 1 / SoftCap)), SoftCap);
        var masked = Biases.Aggregate(bounded, graph.Add);
        var lowest = graph.Scalar(query.Type, Lowest);
        if (IsCausal)
        {
            masked = graph.Where(Behind(graph, steps, keys), lowest, masked);
        }

        masked = Hidden.Aggregate(masked, (current, hidden) => graph.Where(hidden, lowest, current));
        var complete = masked;
        if (Sink is { } sink)
        {
            var column = graph.Expand(sink.Shape.Length == 0 ? sink : graph.Reshape(sink, 1, heads, 1, 1), [batch, heads, steps, 1]);
            complete = graph.Concat([masked, column], 3);
        }

        var weights = graph.Unary("Softmax", complete, node => node.SetInt("axis", -1));
        weights = graph.Slice(weights, 3, 0, keys);
        var shares = weights;
        if (heads != shared)
        {
            weights = graph.Reshape(weights, batch, shared, heads / shared * steps, keys);
        }

        return new Result(graph.Reshape(graph.MatMul(weights, value), batch, heads, steps, value.Shape[3]), scores, bounded, masked, shares);
    }

    /// <summary>
    /// The result [B, H, S, E]; scaled products, what the bound makes of them, with biases and masks, and the shares that the softmax makes of
    /// them, all [B, H, S, L].
    /// </summary>
    public sealed record Result(Value Output, Value Scores, Value Bounded, Value Masked, Value Shares);

    /// <summary>Which keys stand behind each query, [S, L], made from the positions in the run so that nothing large is stored.</summary>
    private Value Behind(GraphEmitter graph, long steps, long keys)
    {
        var position = graph.Add(graph.Iota(steps, 1), graph.Scalar(TensorElementType.Int64, Past ?? (keys - steps)));
        return graph.Less(position, graph.Iota(1, keys));
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
