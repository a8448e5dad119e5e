using OrtZero.Autograd.Internal;
using OrtZero.Onnx;
using OrtZero.Onnx.Protobuf;

namespace OrtZero.Autograd.Rules;

/// <summary>One direction of a recurrent layer: its weights, and its inputs multiplied by W for all time steps.</summary>
internal sealed class RecurrentLayer
{
    private readonly LoweringContext _context;
    private readonly int _index;
    private readonly Value _inputs;
    private readonly Value? _lengths;
    private readonly RecurrentActivation[] _activations;

    public RecurrentLayer(LoweringContext context, int gates, int index, int count, bool isReverse, string[] activations)
    {
        _context = context;
        _index = index;
        IsReverse = isReverse;
        _activations = RecurrentActivation.Of(context, index, count, activations);
        var x = IsBatchFirst(context.Node) ? Graph.Transpose(context.X, 1, 0, 2) : context.X;
        (Steps, Batch) = (x.Shape[0], x.Shape[1]);
        Hidden = context.Input(2).Shape[2];
        var weight = Part(1);
        Recurrence = Part(2);
        Value? bias = null;
        if (context.HasInput(3))
        {
            var both = Part(3);
            var width = gates * Hidden;
            bias = Graph.Slice(both, 0, 0, width);
            RecurrentBias = Graph.Slice(both, 0, width, 2 * width);
            if (!IsResetLast)
            {
                bias = Graph.Add(bias, RecurrentBias);
            }
        }
        else
        {
            RecurrentBias = Graph.Filled(x.Type, [gates * Hidden], 0);
        }

        var flat = Graph.MatMul(Graph.Reshape(x, Steps * Batch, x.Shape[2]), weight, transposeB: true);
        _inputs = Graph.Reshape(bias is null ? flat : Graph.Add(flat, bias), Steps, Batch, gates * Hidden);
        if (context.HasInput(4) && Graph.Constant(context.Node.Input[4])?.ToInt64s().All(length => length == Steps) != true)
        {
            _lengths = Graph.Reshape(Graph.Cast(context.Input(4), TensorElementType.Int64), Batch, 1);
        }
    }

    public GraphEmitter Graph => _context.Graph;

    public bool IsReverse { get; }

    public long Steps { get; }

    public long Batch { get; }

    public long Hidden { get; }

    /// <summary>R, [gates·H, H].</summary>
    public Value Recurrence { get; }

    /// <summary>The bias that belongs to R, [gates·H].</summary>
    public Value RecurrentBias { get; }

    /// <summary>Whether the reset gate of a GRU comes after the product with R.</summary>
    public bool IsResetLast => _context.Node is { OpType: "GRU" } && _context.Node.GetInt("linear_before_reset", 0) != 0;

    /// <summary>Whether the forget gate of an LSTM is 1 minus the input gate.</summary>
    public bool IsCoupled => _context.Node.GetInt("input_forget", 0) != 0;

    public static bool IsBatchFirst(NodeProto node) => node.GetInt("layout", 0) != 0;

    /// <summary>For each direction of the layer whether it is reverse.</summary>
    public static bool[] Directions(LoweringContext context) => context.Node.GetString("direction", "forward") switch
    {
        "forward" => [false],
        "reverse" => [true],
        _ => [false, true],
    };

    /// <summary>An initial state, [B, H]; zeros where none is given.</summary>
    public Value Initial(int input)
    {
        if (!_context.HasInput(input))
        {
            return Graph.Filled(_inputs.Type, [Batch, Hidden], 0);
        }

        var state = _context.Input(input);
        return IsBatchFirst(_context.Node)
            ? Graph.Reshape(Graph.Slice(state, 1, _index, _index + 1), Batch, Hidden)
            : Graph.Reshape(Graph.Slice(state, 0, _index, _index + 1), Batch, Hidden);
    }

    /// <summary>W·x and biases of a time step, [B, gates·H].</summary>
    public Value InputAt(long time) => Graph.Reshape(Graph.Slice(_inputs, 0, time, time + 1), Batch, _inputs.Shape[2]);

    /// <summary>Which sequences reach a time step, [B, 1]; <c>null</c>: all of them, always.</summary>
    public Value? IsInside(long time) => _lengths is null ? null : Graph.Greater(_lengths, Graph.Scalar(TensorElementType.Int64, time));

    /// <summary>One gate of several side by side.</summary>
    public Value Gate(Value gates, int index) => Graph.Slice(gates, 1, index * Hidden, (index + 1) * Hidden);

    /// <summary>The rows of R that belong to some gates.</summary>
    public Value RecurrenceOf(int first, int end) => Graph.Slice(Recurrence, 0, first * Hidden, end * Hidden);

    /// <summary>The peephole weights of gate i, o or f, [H].</summary>
    public Value? Peephole(int gate) => _context.HasInput(7) ? Graph.Slice(Part(7), 0, gate * Hidden, (gate + 1) * Hidden) : null;

    public Value Activate(int which, Value x)
    {
        // Only what enters an activation from the gates is clipped, not the cell.
        var clip = _context.Node.GetFloat("clip", 0);
        var isCell = which == 2;
        return _activations[which].Apply(Graph, clip > 0 && !isCell ? Graph.Clip(x, -clip, clip) : x);
    }

    /// <summary>The part of an input that belongs to this direction, without the axis of directions.</summary>
    private Value Part(int input)
    {
        var all = _context.Input(input);
        return Graph.Reshape(Graph.Slice(all, 0, _index, _index + 1), all.Shape[1..]);
    }
}
