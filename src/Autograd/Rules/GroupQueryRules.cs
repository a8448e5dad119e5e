using OrtZero.Autograd.Internal;
using OrtZero.Onnx;

namespace OrtZero.Autograd.Rules;

/// <summary>com.microsoft's attention of language models: causal, with fewer heads for keys than for queries and a buffer of past keys.</summary>
internal static class GroupQueryRules
{
    public static void Register(GradientRuleSet rules) => rules.AddLowering("GroupQueryAttention", GroupQueryAttention, "com.microsoft");

    private static bool GroupQueryAttention(LoweringContext context)
    {
        Refuse(context);
        var graph = context.Graph;
        var node = context.Node;
        var (query, key, value) = Operands(context);
        var span = KeySpan.Of(context, query.Shape[2]);
        if (node.GetInt("do_rotary", 0) != 0)
        {
            var isInterleaved = node.GetInt("rotary_interleaved", 0) != 0;
            var positions = context.OptionalInput(9) ?? span.RotaryPositions();
            var (cos, sin) = (RotaryRules.At(graph, context.Input(7), positions), RotaryRules.At(graph, context.Input(8), positions));
            query = RotaryRules.RotateFirst(graph, query, cos, sin, isInterleaved);
            key = RotaryRules.RotateFirst(graph, key, cos, sin, isInterleaved);
        }

        key = span.WithPast(key, context.OptionalInput(3));
        value = span.WithPast(value, context.OptionalInput(4));
        var scale = node.GetFloat("scale", 0);
        var core = new AttentionCore
        {
            Scale = scale == 0 ? null : scale,
            SoftCap = node.GetFloat("softcap", 0),
            Sink = context.OptionalInput(11) ?? (node.GetInt("smooth_softmax", 0) > 0 ? graph.Scalar(query.Type, 0) : null),
            Biases = context.OptionalInput(10) is { } bias ? [graph.Slice(bias, 3, 0, span.Total)] : [],
            Hidden = [span.Hidden(node.GetInt("local_window_size", -1))],
        };
        var result = core.Emit(graph, query, key, value);
        context.Return(0, AttentionCore.Join(graph, result.Output));
        context.Return(1, span.Present(key));
        context.Return(2, span.Present(value));
        return true;
    }

    private static void Refuse(LoweringContext context)
    {
        var node = context.Node;
        if (context.HasOutput(3))
        {
            throw context.Unsupported("its scores as an output (qk_output) have no gradient rule");
        }

        if (node.GetString("k_quant_type", "NONE") != "NONE" || node.GetString("v_quant_type", "NONE") != "NONE")
        {
            throw context.Unsupported("quantized past keys (k_quant_type, v_quant_type) have no gradient rule (train without a buffer of past keys)");
        }

        for (var index = 12; index < context.InputCount; index++)
        {
            if (context.HasInput(index))
            {
                throw context.Unsupported($"its input {index}, '{node.Input[index]}', has no gradient rule");
            }
        }

        if (context.HasInput(1) && context.Input(1).Shape[1] == 0)
        {
            throw context.Unsupported("keys that another layer put into the buffer have no gradient rule");
        }
    }

    /// <summary>Queries, keys and values as [B, H, S, D], which may come side by side in one input.</summary>
    private static (Value Query, Value Key, Value Value) Operands(LoweringContext context)
    {
        var graph = context.Graph;
        var heads = context.Node.GetInt("num_heads", 1);
        var shared = context.Node.GetInt("kv_num_heads", 1);
        var query = context.X;
        if (context.HasInput(1))
        {
            return (AttentionCore.Split(graph, query, heads), AttentionCore.Split(graph, context.Input(1), shared), AttentionCore.Split(graph, context.Input(2), shared));
        }

        var length = query.Shape[2] / (heads + (2 * shared));
        var (first, second) = (heads * length, (heads + shared) * length);
        return (
            AttentionCore.Split(graph, graph.Slice(query, 2, 0, first), heads),
            AttentionCore.Split(graph, graph.Slice(query, 2, first, second), shared),
            AttentionCore.Split(graph, graph.Slice(query, 2, second, query.Shape[2]), shared));
    }
}
