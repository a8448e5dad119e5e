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
        rules.AddLowering("GroupQueryAttention", GroupQueryAttention, Microsoft);
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
        if (context.HasInput(6))
        {
            throw context.Unsupported("a count of valid keys has no gradient rule (use a mask)");
        }

        var mode = node.GetInt("qk_matmul_output_mode", 0);
        var isCausal = node.GetInt("is_causal", 0) != 0;
        if (context.HasOutput(3) && (mode == 1 || (mode == 2 && (isCausal || node.GetFloat("softcap", 0) != 0))))
        {
            throw context.Unsupported("scores between bounding and masking as an output have no gradient rule (use qk_matmul_output_mode 0 or 3)");
        }

        var scale = node.GetFloat("scale", 0);
        var core = new AttentionCore
        {
            Scale = scale == 0 ? null : scale,
            SoftCap = node.GetFloat("softcap", 0),
            IsCausal = isCausal,
            Past = context.HasInput(4) ? context.Input(4).Shape[2] : 0,
            Biases = context.OptionalInput(3) is { } mask
                ? [mask.Type == TensorElementType.Bool ? AttentionCore.Bias(graph, mask, query.Type) : mask]
                : [],
        };
        var result = core.Emit(graph, query, key, value);
        context.Return(0, isFlat ? AttentionCore.Join(graph, result.Output) : result.Output);
        context.Return(1, key);
        context.Return(2, value);
        context.Return(3, mode switch { 0 => result.Scores, 2 => result.Biased, _ => result.Shares });
        return true;
    }

    /// <summary>One projection to queries, keys and values; com.microsoft's oldest form.</summary>
    private static bool PackedAttention(LoweringContext context)
    {
        var graph = context.Graph;
        var node = context.Node;
        var heads = node.GetInt("num_heads", 1);
        if (context.HasInput(4) || node.GetInt("do_rotary", 0) != 0)
        {
            throw context.Unsupported("past keys or rotary positions inside the operator have no gradient rule");
        }

        var projected = graph.MatMul(context.X, context.Input(1));
        if (context.OptionalInput(2) is { } bias)
        {
            projected = graph.Add(projected, bias);
        }

        var width = context.Input(1).Shape[1];
        var sizes = node.GetInts("qkv_hidden_sizes") ?? [width / 3, width / 3, width / 3];
        var query = graph.Slice(projected, 2, 0, sizes[0]);
        var key = graph.Slice(projected, 2, sizes[0], sizes[0] + sizes[1]);
        var value = graph.Slice(projected, 2, sizes[0] + sizes[1], width);
        var scale = node.GetFloat("scale", 0);
        var core = new AttentionCore
        {
            Scale = scale == 0 ? null : scale,
            IsCausal = node.GetInt("unidirectional", 0) != 0,
            Biases = [.. KeyMask(context, 3, key.Shape[1]), .. context.OptionalInput(5) is { } bias5 ? [bias5] : Array.Empty<Value>()],
        };
        var result = core.Emit(
            graph, AttentionCore.Split(graph, query, heads), AttentionCore.Split(graph, key, heads), AttentionCore.Split(graph, value, heads));
        context.Return(0, AttentionCore.Join(graph, result.Output));
        return true;
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

    /// <summary>Always causal, with fewer heads for keys than for queries, and rotary positions if asked for. Training has no past.</summary>
    private static bool GroupQueryAttention(LoweringContext context)
    {
        var graph = context.Graph;
        var node = context.Node;
        var heads = node.GetInt("num_heads", 1);
        var shared = node.GetInt("kv_num_heads", 1);
        if ((context.HasInput(3) && context.Input(3).Shape[2] != 0) || context.HasInput(11))
        {
            throw context.Unsupported("past keys and head sinks have no gradient rule (train on whole sequences)");
        }

        var query = context.X;
        Value key;
        Value value;
        if (context.HasInput(1))
        {
            (key, value) = (context.Input(1), context.Input(2));
        }
        else
        {
            var length = query.Shape[2] / (heads + (2 * shared));
            var (first, second) = (heads * length, (heads + shared) * length);
            (query, key, value) = (graph.Slice(context.X, 2, 0, first), graph.Slice(context.X, 2, first, second), graph.Slice(context.X, 2, second, context.X.Shape[2]));
        }

        query = AttentionCore.Split(graph, query, heads);
        key = AttentionCore.Split(graph, key, shared);
        value = AttentionCore.Split(graph, value, shared);
        if (node.GetInt("do_rotary", 0) != 0)
        {
            var isInterleaved = node.GetInt("rotary_interleaved", 0) != 0;
            var positions = context.OptionalInput(9) ?? graph.Iota(1, query.Shape[2]);
            var (cos, sin) = (RotaryRules.At(graph, context.Input(7), positions), RotaryRules.At(graph, context.Input(8), positions));
            query = RotaryRules.Rotate(graph, query, cos, sin, isInterleaved);
            key = RotaryRules.Rotate(graph, key, cos, sin, isInterleaved);
        }

        var scale = node.GetFloat("scale", 0);
        var core = new AttentionCore
        {
            Scale = scale == 0 ? null : scale,
            SoftCap = node.GetFloat("softcap", 0),
            IsCausal = true,
            HasSink = node.GetInt("smooth_softmax", 0) > 0,
            Window = Math.Max(0, node.GetInt("local_window_size", -1)),
            Biases = context.OptionalInput(10) is { } bias ? [bias] : [],
        };
        var result = core.Emit(graph, query, key, value);
        context.Return(0, AttentionCore.Join(graph, result.Output));
        context.Return(1, key);
        context.Return(2, value);
        return true;
    }

    private static Value WithPast(LoweringContext context, Value part, int index) =>
        context.HasInput(index) && context.Input(index).Shape[2] > 0 ? context.Graph.Concat([context.Input(index), part], 2) : part;

    /// <summary>com.microsoft's masks over keys: lengths [B], or 1 where a key counts as [B, L] or [B, S, L].</summary>
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
        if (mask.Shape is [var length] && length == batch)
        {
            seen = graph.Less(graph.Iota(1, 1, 1, keys), graph.Reshape(counts, batch, 1, 1, 1));
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
