using OrtZero.Onnx;
using OrtZero.Onnx.Protobuf;

namespace OrtZero.Autograd.Internal;

/// <summary>
/// What a rule sees of the node it differentiates. A rule reads <see cref="Gradient"/>, asks <see cref="Needs"/> which inputs are wanted,
/// writes operators through <see cref="Graph"/>, and hands each result to <see cref="Give"/>.
/// </summary>
internal sealed class RuleContext
{
    private readonly GradientStore _store;
    private readonly IReadOnlySet<string> _wanted;
    private readonly Func<NodeProto, string> _parameterBehind;

    public RuleContext(
        NodeProto node, GraphEmitter graph, GradientStore store, IReadOnlySet<string> wanted, Func<NodeProto, string> parameterBehind)
    {
        Node = node;
        Graph = graph;
        _store = store;
        _wanted = wanted;
        _parameterBehind = parameterBehind;
    }

    public NodeProto Node { get; }

    public GraphEmitter Graph { get; }

    public int InputCount => Node.Input.Count;

    /// <summary>The input, with its static shape.</summary>
    public Value X => Input(0);

    /// <summary>The first output.</summary>
    public Value Y => Output(0);

    /// <summary>The gradient of the first output.</summary>
    public Value DY => Gradient(0) ?? Graph.Filled(Y.Type, Y.Shape, 0);

    /// <summary>The same, with length 1 along axes where it does not vary: enough where it is only multiplied by something full.</summary>
    public Value BroadcastDY => _store.Sum(Y) ?? Graph.Filled(Y.Type, Y.Shape, 0);

    public bool HasInput(int index) => index < Node.Input.Count && Node.Input[index].Length > 0;

    public bool HasOutput(int index) => index < Node.Output.Count && Node.Output[index].Length > 0;

    public Value Input(int index) => Graph.Find(Node.Input[index]);

    public Value Output(int index) => Graph.Find(Node.Output[index]);

    /// <summary>The gradient of an output, or <c>null</c> where the loss does not depend on it.</summary>
    public Value? Gradient(int index) =>
        HasOutput(index) && _store.Sum(Output(index)) is { } sum ? Graph.Expand(sum, Output(index).Shape) : null;

    /// <summary>Whether a trainable parameter lies behind this input.</summary>
    public bool Needs(int index) => HasInput(index) && _wanted.Contains(Node.Input[index]);

    /// <summary>Adds to the gradient of an input; where the input was broadcast, the gradient is summed to its shape. Ignored if not needed.</summary>
    public void Give(int index, Value gradient)
    {
        if (Needs(index))
        {
            _store.Add(Node.Input[index], new Contribution(Graph.SumTo(gradient, Input(index).Shape)));
        }
    }

    /// <summary>Adds a gradient that is the same all along the axes where its length is 1, without writing the copies.</summary>
    public void GiveBroadcast(int index, Value gradient)
    {
        if (Needs(index))
        {
            _store.Add(Node.Input[index], new Contribution(gradient));
        }
    }

    /// <summary>Adds to the gradient of the elements of an input that begin at <paramref name="start"/> along an axis.</summary>
    public void GivePart(int index, Value gradient, int axis, long start)
    {
        if (Needs(index))
        {
            _store.Add(Node.Input[index], Shapes.Same(gradient.Shape, Input(index).Shape)
                ? new Contribution(gradient)
                : new Contribution(gradient, axis, start));
        }
    }

    /// <summary>An output that the model does not use but the gradient does; added to the node where it is missing.</summary>
    public Value ExtraOutput(int index, TensorElementType type, long[] shape) => Graph.AddOutput(Node, index, type, shape);

    /// <summary>An axis attribute, counted from 0.</summary>
    public int Axis(string name, long otherwise) => Shapes.Axis(Node.GetInt(name, otherwise), X.Shape.Length);

    /// <summary>The single number of a constant input, or <c>null</c> if it is not constant or has more elements.</summary>
    public double? Number(int index)
    {
        if (!HasInput(index) || _wanted.Contains(Node.Input[index]) || Graph.Constant(Node.Input[index]) is not { } tensor
            || tensor.ElementCount() != 1)
        {
            return null;
        }

        return tensor.ElementType() switch
        {
            TensorElementType.Double => BitConverter.ToDouble(tensor.RawBytes()),
            var type when type.IsFloatingPoint() => tensor.ToSingles()[0],
            _ => tensor.ToInt64s()[0],
        };
    }

    /// <summary>The integers of an input that must not depend on data.</summary>
    public long[] Integers(int index) =>
        Graph.Constant(Node.Input[index])?.ToInt64s() ?? throw Unsupported($"its input '{Node.Input[index]}' is computed from data");

    /// <summary>Integers that older operator sets give as an attribute and newer ones as an input; <c>null</c> if given as neither.</summary>
    public long[]? Integers(string attribute, int index) => Node.GetInts(attribute) ?? (HasInput(index) ? Integers(index) : null);

    /// <summary>The exception for a form of the operator that the rule does not cover.</summary>
    public UnsupportedOperatorException Unsupported(string reason) =>
        new(NameOf(Node), OperatorOf(Node), _parameterBehind(Node), reason);

    public static string NameOf(NodeProto node) => node.Name.Length > 0 ? node.Name : node.Output.FirstOrDefault() ?? "";

    public static string OperatorOf(NodeProto node) => node.Domain.Length > 0 ? $"{node.Domain}::{node.OpType}" : node.OpType;
}
