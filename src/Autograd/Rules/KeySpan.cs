using OrtZero.Autograd.Internal;
using OrtZero.Onnx;

namespace OrtZero.Autograd.Rules;

/// <summary>
/// Where the queries and keys of a GroupQueryAttention stand. Each sequence of a batch has a length of its own; its new keys follow its past
/// ones in the buffer, and what lies behind its length is padding, which no query sees.
/// </summary>
internal sealed class KeySpan
{
    private readonly GraphEmitter _graph;
    private readonly long _steps;
    private readonly long _buffer;
    private readonly Value? _lengths;
    private readonly Value _before;

    private KeySpan(GraphEmitter graph, long steps, long buffer, long total, bool isPrompt, Value? lengths)
    {
        (_graph, _steps, _buffer, Total, IsPrompt, _lengths) = (graph, steps, buffer, total, isPrompt, lengths);
        _before = isPrompt || lengths is null
            ? graph.Scalar(TensorElementType.Int64, isPrompt ? 0 : total - steps)
            : graph.Sub(lengths, graph.Scalar(TensorElementType.Int64, steps));
    }

    /// <summary>How many keys there are with the past, in the longest sequence.</summary>
    public long Total { get; }

    /// <summary>Whether sequences begin here: what the buffer of past keys holds does not count.</summary>
    public bool IsPrompt { get; }

    /// <param name="context">The node: input 3 is the buffer, 5 the lengths less one, 6 the length of the longest sequence.</param>
    /// <param name="steps">The number of queries.</param>
    public static KeySpan Of(LoweringContext context, long steps)
    {
        var graph = context.Graph;
        var buffer = context.HasInput(3) ? context.Input(3).Shape[2] : 0;
        var total = context.Number(6) is { } given ? (long)given : buffer + steps;
        var isFull = graph.Constant(context.Node.Input[5]) is { } known && known.ToInt64s().All(last => last == total - 1);
        Value? lengths = null;
        if (!isFull)
        {
            var last = graph.Cast(context.Input(5), TensorElementType.Int64);
            lengths = graph.Add(graph.Reshape(last, Shapes.Count(last.Shape), 1, 1, 1), 1);
        }

        return new KeySpan(graph, steps, buffer, total, buffer == 0 || steps == total, lengths);
    }

    /// <summary>The positions [B or 1, S] by which queries and new keys are turned.</summary>
    public Value RotaryPositions()
    {
        var positions = Positions();
        return _graph.Reshape(positions, positions.Shape[0], _steps);
    }

    /// <summary>True where a query may not look: behind itself, behind its sequence, or before its window (-1: all are seen).</summary>
    public Value Hidden(long window)
    {
        var next = _graph.Add(Positions(), 1);
        var end = _lengths is null
            ? next
            : _graph.Node("Min", [next, _lengths], TensorElementType.Int64, Shapes.Broadcast(next.Shape, _lengths.Shape));
        var key = _graph.Iota(1, 1, 1, Total);
        var hidden = _graph.GreaterOrEqual(key, end);
        return window < 0 ? hidden : _graph.Or(hidden, _graph.Less(key, _graph.Sub(next, _graph.Scalar(TensorElementType.Int64, window))));
    }

    /// <summary>Past and new keys [B, H, Total, D] of [B, H, S, D].</summary>
    public Value WithPast(Value fresh, Value? past)
    {
        if (IsPrompt || past is null)
        {
            return fresh;
        }

        if (_lengths is null)
        {
            return _graph.Concat([_graph.Slice(past, 2, 0, Total - _steps), fresh], 2);
        }

        // New keys begin where the past of their own sequence ends.
        var key = _graph.Iota(1, 1, Total, 1);
        var place = _graph.Sub(key, _before);
        var last = _graph.Scalar(TensorElementType.Int64, _steps - 1);
        var isPadding = _graph.Greater(place, last);
        var ofFresh = _graph.Add(_graph.Where(isPadding, last, place), _graph.Scalar(TensorElementType.Int64, _buffer));
        var index = _graph.Where(_graph.Less(key, _before), key, ofFresh);
        var both = _graph.GatherElements(
            _graph.Concat([past, fresh], 2), _graph.Expand(index, Shapes.With(fresh.Shape, 2, Total)), 2);
        return _graph.Where(isPadding, _graph.Scalar(fresh.Type, 0), both);
    }

    /// <summary>The keys in a buffer as long as that of the past, zeros behind them.</summary>
    public Value Present(Value keys) => _graph.Pad(keys, [0, 0, 0, 0], [0, 0, Math.Max(0, _buffer - keys.Shape[2]), 0]);

    /// <summary>The places [B or 1, 1, S, 1] of the queries among the keys.</summary>
    private Value Positions() => _graph.Add(_graph.Iota(1, 1, _steps, 1), _before);
}
