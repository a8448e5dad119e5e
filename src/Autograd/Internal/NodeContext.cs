using OrtZero.Onnx;
using OrtZero.Onnx.Protobuf;

namespace OrtZero.Autograd.Internal;

/// <summary>What rules read of a node.</summary>
internal abstract class NodeContext(NodeProto node, GraphEmitter graph, IReadOnlySet<string> wanted, Func<NodeProto, string> parameterBehind)
{
    public NodeProto Node => node;

    public GraphEmitter Graph => graph;

    public int InputCount => node.Input.Count;

    /// <summary>The first input, with its static shape.</summary>
    public Value X => Input(0);

    public bool HasInput(int index) => index < node.Input.Count && node.Input[index].Length > 0;

    public bool HasOutput(int index) => index < node.Output.Count && node.Output[index].Length > 0;

    public Value Input(int index) => graph.Find(node.Input[index]);

    public Value? OptionalInput(int index) => HasInput(index) ? Input(index) : null;

    public Value Output(int index) => graph.Find(node.Output[index]);

    /// <summary>Whether a trainable parameter lies behind this input.</summary>
    public bool Needs(int index) => HasInput(index) && wanted.Contains(node.Input[index]);

    /// <summary>Whether a trainable parameter lies behind a value that a subgraph of the node reads.</summary>
    public bool NeedsCaptured(string value) => wanted.Contains(value);

    /// <summary>A trainable parameter behind a value that this node needs, for messages.</summary>
    public string ParameterBehind(string value) => graph.Producer(value) is { } producer ? parameterBehind(producer) : value;

    /// <summary>An axis attribute, counted from 0.</summary>
    public int Axis(string name, long otherwise) => Shapes.Axis(node.GetInt(name, otherwise), X.Shape.Length);

    /// <summary>The single number of a constant input, or <c>null</c> if it is not constant or has more elements.</summary>
    public double? Number(int index)
    {
        if (!HasInput(index) || wanted.Contains(node.Input[index]) || graph.Constant(node.Input[index]) is not { } tensor
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
        graph.Constant(node.Input[index])?.ToInt64s() ?? throw Unsupported($"its input '{node.Input[index]}' is computed from data");

    /// <summary>Integers that older operator sets give as an attribute and newer ones as an input; <c>null</c> if given as neither.</summary>
    public long[]? Integers(string attribute, int index) => node.GetInts(attribute) ?? (HasInput(index) ? Integers(index) : null);

    /// <summary>The exception for a form of the operator that the rule does not cover.</summary>
    public UnsupportedOperatorException Unsupported(string reason) => new(NameOf(node), OperatorOf(node), parameterBehind(node), reason);

    public static string NameOf(NodeProto node) => node.Name.Length > 0 ? node.Name : node.Output.FirstOrDefault(output => output.Length > 0) ?? "";

    public static string OperatorOf(NodeProto node) => node.Domain.Length > 0 ? $"{node.Domain}::{node.OpType}" : node.OpType;
}
