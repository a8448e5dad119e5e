using OrtZero.Autograd.Internal;
using OrtZero.Onnx;

namespace OrtZero.Autograd.Rules;

/// <summary>Attention operators, written as products and a softmax.</summary>
internal static class AttentionRules
{
    private const string Microsoft = "com.microsoft";

    public static void Register(GradientRuleSet rules)
    {
        rules.AddLowering("Attention", Attention);
        rules.AddLowering("Attention", PackedAttention, Microsoft);
        rules.AddLowering("MultiHeadAttention", MultiHeadAttention, Microsoft);
    }

    /// <summary>The standard operator (set 23), with heads as an axis or side by side.</summary>
    private static bool Attention(LoweringContext context)
    {
        var graph = context.Graph;
        var node = context.Node;
        var isFlat = context.X.Shape.Length == 3;
        var heads = isFlat ? node.GetInt("q_num_heads", 0) : context.X.Shape[1];
        var shared = isFlat ? node.GetInt("kv_num_heads", 0) : context.Input(1).Shape[1];
        var query = isFlat ? AttentionCore.Split(graph, context.X, heads) : context.X;
        var key = WithPast(context, isFlat ? AttentionCore.Split(graph, context.Input(1), shared) : context.Input(1), 4);
        var value = WithPast(context, isFlat ? AttentionCore.Split(graph, context.Input(2), shared) : context.Input(2), 5);
        var hidden = context.OptionalInput(6) is { } counts
            ? new[] { graph.GreaterOrEqual(graph.Iota(1, 1, 1, key.Shape[2]), graph.Reshape(counts, counts.Shape[0], 1, 1, 1)) }
            : [];
        var scale = node.GetFloat("scale", 0);
        var core = new AttentionCore
        {
            Scale = scale == 0 ? null : scale,
            SoftCap = node.GetFloat("softcap", 0),
            IsCausal = node.GetInt("is_causal", 0) != 0 && query.Shape[2] > 1,
            Past = context.HasInput(4) ? context.Input(4).Shape[2] : 0,
            Biases = context.OptionalInput(3) is { } mask
                ? [mask.Type == TensorElementType.Bool ? AttentionCore.Bias(graph, mask, query.Type) : mask]
                : [],
            Hidden = hidden,
        };
        var result = core.Emit(graph, query, key, value);
        context.Return(0, isFlat ? AttentionCore.Join(graph, result.Output) : result.Output);
        context.Return(1, key);
        context.Return(2, value);
        context.Return(3, node.GetInt("qk_matmul_output_mode", 0) switch { 0 => result.Scores, 1 => result.Bounded, 2 => result.Masked, _ => result.Shares });
        return true;
    }

    /// <summary>One projection to queries, keys and values; com.microsoft's oldest form.</summary>
    private static bool PackedAttention(LoweringContext context)
    {
        var graph = context.Graph;
        var node = context.Node;
        var heads = node.GetInt("num_heads", 1);
        if (node.GetInt("do_rotary", 0) != 0 || node.GetInt("past_present_share_buffer", 0) != 0)
        {
            throw context.Unsupported("do_rotary and past_present_share_buffer have no gradient rule (give positions by RotaryEmbedding, and past keys as they are)");
        }

        var projected = graph.MatMul(context.X, context.Input(1));
        if (context.OptionalInput(2) is { } bias)
        {
            projected = graph.Add(projected, bias);
        }

        var width = context.Input(1).Shape[1];
        var sizes = node.GetInts("qkv_hidden_sizes") ?? [width / 3, width / 3, width / 3];
        var query = AttentionCore.Split(graph, graph.Slice(projected, 2, 0, sizes[0]), heads);
        var key = AttentionCore.Split(graph, graph.Slice(projected, 2, sizes[0], sizes[0] + sizes[1]), heads);
        var value = AttentionCore.Split(graph, graph.Slice(projected, 2, sizes[0] + sizes[1], width), heads);
        if (context.OptionalInput(4) is { } past)
        {
            (key, value) = (graph.Concat([Half(past, 0), key], 2), graph.Concat([Half(past, 1), value], 2));
        }

        var scale = node.GetFloat("scale", 0);
        var core = new AttentionCore
        {
            Scale = scale == 0 ? null : scale,
            IsCausal = node.GetInt("unidirectional", 0) != 0,
            Biases = [.. KeyMask(context, 3, key.Shape[2]), .. context.OptionalInput(5) is { } added ? [added] : Array.Empty<Value>()],
        };
        var result = core.Emit(graph, query, key, value);
        context.Return(0, AttentionCore.Join(graph, result.Output));
        if (context.HasOutput(1))
        {
            context.Return(1, graph.Concat([graph.Reshape(key, [1, .. key.Shape]), graph.Reshape(value, [1, .. value.Shape])], 0));
        }

        return true;

        Value Half(Value both, int index) => graph.Reshape(graph.Slice(both, 0, index, index + 1), [.. both.Shape.AsSpan(1)]);
    }

    private static bool MultiHeadAttention(LoweringContext context)
    {
        var graph = context.Graph;
        var node = context.Node;
        var heads = node.GetInt("num_heads", 1);
        var (query, key, value) = Operands(context, heads);
        key = WithPast(context, key, 6);
        value = WithPast(context, value, 7);
        var scale = node.GetFloat("scale", 0);
        var core = new AttentionCore
        {
            Scale = scale == 0 ? null : scale,
            IsCausal = node.GetInt("unidirectional", 0) != 0,
            Biases = [.. KeyMask(context, 4, key.Shape[2]), .. context.OptionalInput(5) is { } bias ? [bias] : Array.Empty<Value>()],
        };
        var result = core.Emit(graph, query, key, value);
        context.Return(0, AttentionCore.Join(graph, result.Output));
        context.Return(1, key);
        context.Return(2, value);
        return true;
    }

    /// <summary>Queries, keys and values as [B, H, S, D] from the forms that MultiHeadAttention accepts.</summary>
    private static (Value Query, Value Key, Value Value) Operands(LoweringContext context, long heads)
    {
        var graph = context.Graph;
        var x = context.X;
        if (x.Shape.Length == 5 || context.Input(1).Shape.Length == 5)
        {
            throw context.Unsupported("packed queries, keys and values, which the CPU does not run, have no gradient rule");
        }

        Value[] biases = [];
        if (context.OptionalInput(3) is { } bias)
        {
            var width = x.Shape[2];
            var values = bias.Shape[0] - (2 * width);
            biases = [graph.Slice(bias, 0, 0, width), graph.Slice(bias, 0, width, 2 * width), graph.Slice(bias, 0, 2 * width, (2 * width) + values)];
        }

        var query = AttentionCore.Split(graph, biases.Length == 0 ? x : graph.Add(x, biases[0]), heads);
        var key = context.Input(1);
        var value = context.Input(2);
        return key.Shape.Length == 4
            ? (query, key, value)
            : (query, AttentionCore.Split(graph, biases.Length == 0 ? key : graph.Add(key, biases[1]), heads),
                AttentionCore.Split(graph, biases.Length == 0 ? value : graph.Add(value, biases[2]), heads));
    }

    private static Value WithPast(LoweringContext context, Value part, int index) =>
        context.HasInput(index) && context.Input(index).Shape[2] > 0 ? context.Graph.Concat([context.Input(index), part], 2) : part;

    /// <summary>com.microsoft's masks over keys: ends [B], ends and then starts [2·B], or 1 where a key counts as [B, L] or [B, S, L].</summary>
    private static IEnumerable<Value> KeyMask(LoweringContext context, int index, long keys)
    {
        if (context.OptionalInput(index) is not { } mask)
        {
            return [];
        }

        var graph = context.Graph;
        var hidden = context.Node.GetFloat("mask_filter_value", -10000);
        var counts = graph.Cast(mask, TensorElementType.Int64);
        var batch = context.X.Shape[0];
        var zero = graph.Scalar(TensorElementType.Int64, 0);
        Value seen;
        if (mask.Shape is [var length] && (length == batch || length == 2 * batch))
        {
            var position = graph.Iota(1, 1, 1, keys);
            seen = graph.Less(position, graph.Reshape(graph.Slice(counts, 0, 0, batch), batch, 1, 1, 1));
            if (length != batch)
            {
                seen = graph.And(seen, graph.GreaterOrEqual(position, graph.Reshape(graph.Slice(counts, 0, batch, length), batch, 1, 1, 1)));
            }
        }
        else if (mask.Shape.Length is 2 or 3)
        {
            seen = graph.Greater(mask.Shape.Length == 2 ? graph.Reshape(counts, batch, 1, 1, mask.Shape[1]) : graph.Reshape(counts, batch, 1, mask.Shape[1], mask.Shape[2]), zero);
        }
        else
        {
            throw context.Unsupported($"a mask of shape [{string.Join(", ", mask.Shape)}] has no gradient rule (use lengths [batch] or a mask [batch, keys])");
        }

        return [AttentionCore.Bias(graph, seen, context.X.Type, hidden)];
    }
}
