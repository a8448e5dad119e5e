using OrtZero.Onnx;
using OrtZero.Onnx.Protobuf;
using static OrtZero.Autograd.Internal.RecurrentLowerings;

namespace OrtZero.Autograd.Internal;

/// <summary>
/// Gates in the order i, o, f, c: C' = f·C + i·c and H' = o·tanh(C'); peepholes i and f look at C, o at C'
/// (orttraining/training_ops/cpu/rnn/lstm_grad_compute.cc).
/// </summary>
internal static class LstmLowerings
{
    // Outputs: hidden states, the last of them, the last cell, cells, and gates after their activations.
    public static void Forward(LoweringGraph g, NodeProto node, long hidden)
    {
        var recurrence = g.Transpose(Matrix(g, node.Input[2]), 1, 0);
        var (peepI, peepO, peepF) = Peepholes(g, node, hidden);
        var results = g.Scan(
            [State(g, node.InputOrEmpty(5), node.Input[0], hidden), State(g, node.InputOrEmpty(6), node.Input[0], hidden)],
            [Inputs(g, node, bias => g.ReduceSum(bias, [0], keep: false))],
            isReverse: false,
            (s, states, elements) =>
            {
                var cell = states[1];
                var sum = s.Add(elements[0], s.Op("MatMul", states[0], recurrence));
                var i = s.Op("Sigmoid", Peep(s, Gate(s, sum, 0, hidden), peepI, cell));
                var f = s.Op("Sigmoid", Peep(s, Gate(s, sum, 2, hidden), peepF, cell));
                var c = s.Op("Tanh", Gate(s, sum, 3, hidden));
                var next = s.Add(s.Mul(f, cell), s.Mul(i, c));
                var o = s.Op("Sigmoid", Peep(s, Gate(s, sum, 1, hidden), peepO, next));
                var shown = s.Mul(o, s.Op("Tanh", next));
                return ([shown, next], [shown, next, s.Side(i, o, f, c)]);
            });
        g.Set(node.OutputOrEmpty(0), g.Unsqueeze(results[2], 1));
        g.Set(node.OutputOrEmpty(1), g.Unsqueeze(results[0], 0));
        g.Set(node.OutputOrEmpty(2), g.Unsqueeze(results[1], 0));
        g.Set(node.OutputOrEmpty(3), g.Unsqueeze(results[3], 1));
        g.Set(node.OutputOrEmpty(4), g.Unsqueeze(results[4], 1));
    }

    // Outputs: gradients of X, W, R, B, the first hidden state, the first cell and the peepholes.
    public static void Backward(LoweringGraph g, NodeProto node, Operands operands, long hidden)
    {
        var forward = operands.Forward;
        var x = forward.Input[0];
        var cells = g.Squeeze(forward.Output[3], 1);
        var cellsBefore = Before(g, State(g, forward.InputOrEmpty(6), x, hidden), cells);
        var hiddenBefore = Before(g, State(g, forward.InputOrEmpty(5), x, hidden), g.Squeeze(forward.Output[0], 1));
        var sequence = operands.Sequence.Length > 0 ? g.Squeeze(operands.Sequence, 1) : g.Zeros(g.Shape(cells));
        var recurrence = Matrix(g, forward.Input[2]);
        var (peepI, peepO, peepF) = Peepholes(g, forward, hidden);
        var results = g.Scan(
            [State(g, operands.Hidden, x, hidden), State(g, operands.Cell, x, hidden)],
            [sequence, g.Squeeze(forward.Output[4], 1), cells, cellsBefore],
            isReverse: true,
            (s, states, elements) =>
            {
                var (i, o) = (Gate(s, elements[1], 0, hidden), Gate(s, elements[1], 1, hidden));
                var (f, c) = (Gate(s, elements[1], 2, hidden), Gate(s, elements[1], 3, hidden));
                var shown = s.Add(states[0], elements[0]);
                var squashed = s.Op("Tanh", elements[2]);
                var ofO = s.Mul(s.Mul(shown, squashed), s.Mul(o, s.Complement(o)));
                var cell = s.Add(states[1], s.Mul(s.Mul(shown, o), s.Complement(s.Mul(squashed, squashed))));
                cell = Peep(s, cell, peepO, ofO);
                var ofI = s.Mul(s.Mul(cell, c), s.Mul(i, s.Complement(i)));
                var ofF = s.Mul(s.Mul(cell, elements[3]), s.Mul(f, s.Complement(f)));
                var ofC = s.Mul(s.Mul(cell, i), s.Complement(s.Mul(c, c)));
                var before = Peep(s, Peep(s, s.Mul(cell, f), peepI, ofI), peepF, ofF);
                var gates = s.Side(ofI, ofO, ofF, ofC);
                return ([s.Op("MatMul", gates, recurrence), before], [gates]);
            });
        var gates = results[2];
        g.Set(node.OutputOrEmpty(0), g.Op("MatMul", gates, Matrix(g, forward.Input[1])));
        g.Set(node.OutputOrEmpty(1), Outer(g, gates, x));
        g.Set(node.OutputOrEmpty(2), Outer(g, gates, hiddenBefore));
        var bias = Total(g, gates);
        g.Set(node.OutputOrEmpty(3), g.Side(bias, bias));
        g.Set(node.OutputOrEmpty(4), g.Unsqueeze(results[0], 0));
        g.Set(node.OutputOrEmpty(5), g.Unsqueeze(results[1], 0));
        g.Set(node.OutputOrEmpty(6), g.Side(
            Total(g, g.Mul(Gate(g, gates, 0, hidden), cellsBefore)), Total(g, g.Mul(Gate(g, gates, 1, hidden), cells)),
            Total(g, g.Mul(Gate(g, gates, 2, hidden), cellsBefore))));
    }

    private static (string? I, string? O, string? F) Peepholes(LoweringGraph g, NodeProto node, long hidden) =>
        node.InputOrEmpty(7) is { Length: > 0 } weights
            ? (Gate(g, Matrix(g, weights), 0, hidden), Gate(g, Matrix(g, weights), 1, hidden), Gate(g, Matrix(g, weights), 2, hidden))
            : default;

    private static string Peep(LoweringGraph g, string gate, string? weight, string cell) => weight is null ? gate : g.Add(gate, g.Mul(weight, cell));
}
