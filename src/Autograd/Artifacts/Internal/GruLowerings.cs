using OrtZero.Onnx;
using OrtZero.Onnx.Protobuf;
using static OrtZero.Autograd.Internal.RecurrentLowerings;

namespace OrtZero.Autograd.Internal;

/// <summary>
/// Gates in the order z, r, h: H' = (1 - z)·h + z·H, where r acts on the state or, with linear_before_reset, on its product with R
/// (orttraining/training_ops/cpu/rnn/gru_grad_compute.cc).
/// </summary>
internal static class GruLowerings
{
    // Outputs: hidden states, the last of them, and gates after their activations.
    public static void Forward(LoweringGraph g, NodeProto node, long hidden)
    {
        var isLinear = IsLinear(node);
        var (recurrence, candidate) = (Recurrence(g, node, 0, 2, hidden), Recurrence(g, node, 2, 1, hidden));
        var (first, last) = (g.Transpose(recurrence, 1, 0), g.Transpose(candidate, 1, 0));
        var resetBias = isLinear ? ResetBias(g, node, hidden) : null;
        var results = g.Scan(
            [State(g, node.InputOrEmpty(5), node.Input[0], hidden)],
            [Inputs(g, node, bias => Biases(g, bias, isLinear, hidden))],
            isReverse: false,
            (s, states, elements) =>
            {
                var state = states[0];
                var sum = s.Op("Sigmoid", s.Add(Gate(s, elements[0], 0, hidden, 2), s.Op("MatMul", state, first)));
                var (z, r) = (Gate(s, sum, 0, hidden), Gate(s, sum, 1, hidden));
                var reset = isLinear
                    ? s.Mul(r, Linear(s, state, last, resetBias))
                    : s.Op("MatMul", s.Mul(r, state), last);
                var h = s.Op("Tanh", s.Add(Gate(s, elements[0], 2, hidden), reset));
                var next = s.Add(s.Mul(s.Complement(z), h), s.Mul(z, state));
                return ([next], [next, s.Side(z, r, h)]);
            });
        g.Set(node.OutputOrEmpty(0), g.Unsqueeze(results[1], 1));
        g.Set(node.OutputOrEmpty(1), g.Unsqueeze(results[0], 0));
        g.Set(node.OutputOrEmpty(2), g.Unsqueeze(results[2], 1));
    }

    // Outputs: gradients of X, W, R, B and the first state.
    public static void Backward(LoweringGraph g, NodeProto node, Operands operands, long hidden)
    {
        var forward = operands.Forward;
        var isLinear = IsLinear(forward);
        var x = forward.Input[0];
        var states = g.Squeeze(forward.Output[0], 1);
        var gates = g.Squeeze(forward.Output[2], 1);
        var before = Before(g, State(g, forward.InputOrEmpty(5), x, hidden), states);
        var sequence = operands.Sequence.Length > 0 ? g.Squeeze(operands.Sequence, 1) : g.Zeros(g.Shape(states));
        var (recurrence, candidate) = (Recurrence(g, forward, 0, 2, hidden), Recurrence(g, forward, 2, 1, hidden));
        var transposed = isLinear ? g.Transpose(candidate, 1, 0) : "";
        var resetBias = isLinear ? ResetBias(g, forward, hidden) : null;
        var results = g.Scan(
            [State(g, operands.Hidden, x, hidden)],
            [sequence, gates, before],
            isReverse: true,
            (s, carried, elements) =>
            {
                var (z, r, h) = (Gate(s, elements[1], 0, hidden), Gate(s, elements[1], 1, hidden), Gate(s, elements[1], 2, hidden));
                var state = elements[2];
                var shown = s.Add(carried[0], elements[0]);
                var ofZ = s.Mul(s.Mul(shown, s.Sub(state, h)), s.Mul(z, s.Complement(z)));
                var ofH = s.Mul(s.Mul(shown, s.Complement(z)), s.Complement(s.Mul(h, h)));
                var slope = s.Mul(r, s.Complement(r));
                string ofR;
                string through;
                if (isLinear)
                {
                    ofR = s.Mul(s.Mul(ofH, Linear(s, state, transposed, resetBias)), slope);
                    through = s.Op("MatMul", s.Mul(ofH, r), candidate);
                }
                else
                {
                    var reset = s.Op("MatMul", ofH, candidate);
                    ofR = s.Mul(s.Mul(reset, state), slope);
                    through = s.Mul(reset, r);
                }

                var back = s.Add(s.Add(s.Mul(shown, z), through), s.Op("MatMul", s.Side(ofZ, ofR), recurrence));
                return ([back], [s.Side(ofZ, ofR, ofH)]);
            });
        var own = results[1];
        var (ofStates, ofCandidate) = (Gate(g, own, 0, hidden, 2), Gate(g, own, 2, hidden));
        var r = Gate(g, gates, 1, hidden);
        var ofProduct = isLinear ? g.Mul(ofCandidate, r) : ofCandidate;
        g.Set(node.OutputOrEmpty(0), g.Op("MatMul", own, Matrix(g, forward.Input[1])));
        g.Set(node.OutputOrEmpty(1), Outer(g, own, x));
        g.Set(node.OutputOrEmpty(2), g.Op(
            "Concat", [Outer(g, ofStates, before), Outer(g, ofProduct, isLinear ? before : g.Mul(r, before))], concat => concat.SetInt("axis", 1)));
        g.Set(node.OutputOrEmpty(3), g.Side(Total(g, own), Total(g, ofStates), Total(g, ofProduct)));
        g.Set(node.OutputOrEmpty(4), g.Unsqueeze(results[0], 0));
    }

    private static bool IsLinear(NodeProto node) => node.GetInt("linear_before_reset", 0) != 0;

    // With linear_before_reset the candidate's recurrent bias is behind the reset gate.
    private static string Biases(LoweringGraph g, string bias, bool isLinear, long hidden)
    {
        var sum = g.ReduceSum(bias, [0], keep: false);
        if (!isLinear)
        {
            return sum;
        }

        var own = g.Squeeze(g.Op("Slice", bias, g.Int64s([0]), g.Int64s([1]), g.Int64s([0])), 0);
        return g.Side(Gate(g, sum, 0, hidden, 2), Gate(g, own, 2, hidden));
    }

    private static string? ResetBias(LoweringGraph g, NodeProto node, long hidden) =>
        node.InputOrEmpty(3) is { Length: > 0 } bias ? Gate(g, Matrix(g, bias), 5, hidden) : null;

    private static string Linear(LoweringGraph g, string state, string transposed, string? bias)
    {
        var product = g.Op("MatMul", state, transposed);
        return bias is null ? product : g.Add(product, bias);
    }

    /// <summary>The rows of R that belong to some gates.</summary>
    private static string Recurrence(LoweringGraph g, NodeProto node, int first, int count, long hidden) =>
        g.Op("Slice", Matrix(g, node.Input[2]), g.Int64s([first * hidden]), g.Int64s([(first + count) * hidden]), g.Int64s([0]));
}
