using OrtZero.Autograd.Internal;

namespace OrtZero.Autograd.Rules;

/// <summary>
/// Recurrent layers. They are unrolled: the products of the inputs with W are one product for all time steps, and each step is a product
/// of the state with R and a few elementwise operators. The stock operators do not tell their gates, which a gradient needs.
/// </summary>
internal static class RecurrentRules
{
    public static void Register(GradientRuleSet rules)
    {
        rules.AddLowering("LSTM", context => Lower(context, 4, ["Sigmoid", "Tanh", "Tanh"], Lstm));
        rules.AddLowering("GRU", context => Lower(context, 3, ["Sigmoid", "Tanh"], Gru));
        rules.AddLowering("RNN", context => Lower(context, 1, ["Tanh"], Rnn));
    }

    private delegate (Value Hidden, Value? Cell) Step(RecurrentLayer layer, Value input, Value hidden, Value? cell);

    private static bool Lower(LoweringContext context, int gates, string[] activations, Step step)
    {
        var isLstm = gates == 4;
        var directions = RecurrentLayer.Directions(context);
        var outputs = new List<Value>();
        var hiddens = new List<Value>();
        var cells = new List<Value>();
        for (var index = 0; index < directions.Length; index++)
        {
            var layer = new RecurrentLayer(context, gates, index, directions.Length, directions[index], activations);
            var (sequence, hidden, cell) = Unroll(layer, step, isLstm);
            outputs.Add(sequence);
            hiddens.Add(hidden);
            if (cell is not null)
            {
                cells.Add(cell);
            }
        }

        // [T, D, B, H] and [D, B, H]; with batch first [B, T, D, H] and [B, D, H].
        var graph = context.Graph;
        var isBatchFirst = RecurrentLayer.IsBatchFirst(context.Node);
        context.Return(0, isBatchFirst ? graph.Transpose(graph.Concat(outputs, 1), 2, 0, 1, 3) : graph.Concat(outputs, 1));
        ReturnState(1, hiddens);
        if (isLstm)
        {
            ReturnState(2, cells);
        }

        return true;

        void ReturnState(int index, List<Value> states)
        {
            var state = graph.Concat(states, 0);
            context.Return(index, isBatchFirst ? graph.Transpose(state, 1, 0, 2) : state);
        }
    }

    private static (Value Sequence, Value Hidden, Value? Cell) Unroll(RecurrentLayer layer, Step step, bool isLstm)
    {
        var graph = layer.Graph;
        var hidden = layer.Initial(5);
        var cell = isLstm ? layer.Initial(6) : null;
        var sequence = new Value[layer.Steps];
        for (var i = 0; i < sequence.Length; i++)
        {
            var time = layer.IsReverse ? sequence.Length - 1 - i : i;
            var (nextHidden, nextCell) = step(layer, layer.InputAt(time), hidden, cell);
            var shown = nextHidden;
            if (layer.IsInside(time) is { } inside)
            {
                // Behind its end a sequence shows zeros and keeps its state; a reverse one has not begun there.
                shown = graph.Masked(inside, nextHidden);
                nextHidden = graph.Where(inside, nextHidden, hidden);
                nextCell = nextCell is null ? null : graph.Where(inside, nextCell, cell!);
            }

            sequence[time] = graph.Reshape(shown, 1, 1, layer.Batch, layer.Hidden);
            (hidden, cell) = (nextHidden, nextCell);
        }

        return (
            graph.Concat(sequence, 0), graph.Reshape(hidden, 1, layer.Batch, layer.Hidden),
            cell is null ? null : graph.Reshape(cell, 1, layer.Batch, layer.Hidden));
    }

    /// <summary>Gates in the order i, o, f, c: C' = f·C + i·c and H' = o·h(C'); peepholes look at C, that of o at C'.</summary>
    private static (Value Hidden, Value? Cell) Lstm(RecurrentLayer layer, Value input, Value hidden, Value? cell)
    {
        var graph = layer.Graph;
        var sum = graph.Add(input, graph.MatMul(hidden, layer.Recurrence, transposeB: true));
        var i = layer.Activate(0, Peep(layer.Gate(sum, 0), 0, cell!));
        var f = layer.IsCoupled ? graph.Sub(1, i) : layer.Activate(0, Peep(layer.Gate(sum, 2), 2, cell!));
        var c = layer.Activate(1, layer.Gate(sum, 3));
        var next = graph.Add(graph.Mul(f, cell!), graph.Mul(i, c));
        var o = layer.Activate(0, Peep(layer.Gate(sum, 1), 1, next));
        return (graph.Mul(o, layer.Activate(2, next)), next);

        Value Peep(Value gate, int index, Value state) =>
            layer.Peephole(index) is { } weight ? graph.Add(gate, graph.Mul(weight, state)) : gate;
    }

    /// <summary>Gates in the order z, r, h: H' = (1 - z)·h + z·H; r acts on the state or, with linear_before_reset, on its product with R.</summary>
    private static (Value Hidden, Value? Cell) Gru(RecurrentLayer layer, Value input, Value hidden, Value? cell)
    {
        var graph = layer.Graph;
        Value z;
        Value candidate;
        if (layer.IsResetLast)
        {
            var product = graph.Add(graph.MatMul(hidden, layer.Recurrence, transposeB: true), layer.RecurrentBias);
            z = layer.Activate(0, graph.Add(layer.Gate(input, 0), layer.Gate(product, 0)));
            var r = layer.Activate(0, graph.Add(layer.Gate(input, 1), layer.Gate(product, 1)));
            candidate = graph.Add(layer.Gate(input, 2), graph.Mul(r, layer.Gate(product, 2)));
        }
        else
        {
            var product = graph.MatMul(hidden, layer.RecurrenceOf(0, 2), transposeB: true);
            z = layer.Activate(0, graph.Add(layer.Gate(input, 0), layer.Gate(product, 0)));
            var r = layer.Activate(0, graph.Add(layer.Gate(input, 1), layer.Gate(product, 1)));
            candidate = graph.Add(layer.Gate(input, 2), graph.MatMul(graph.Mul(r, hidden), layer.RecurrenceOf(2, 3), transposeB: true));
        }

        var h = layer.Activate(1, candidate);
        return (graph.Add(graph.Mul(graph.Sub(1, z), h), graph.Mul(z, hidden)), null);
    }

    private static (Value Hidden, Value? Cell) Rnn(RecurrentLayer layer, Value input, Value hidden, Value? cell) =>
        (layer.Activate(0, layer.Graph.Add(input, layer.Graph.MatMul(hidden, layer.Recurrence, transposeB: true))), null);
}
