using OrtZero.Onnx;
using OrtZero.Onnx.Protobuf;

namespace OrtZero.Autograd.Internal;

/// <summary>
/// What a rule sees of the node it differentiates. A rule reads <see cref="Gradient"/>, asks <see cref="NodeContext.Needs"/> which inputs are wanted,
/// writes operators through <see cref="NodeContext.Graph"/>, and hands each result to <see cref="Give"/>.
/// </summary>
internal sealed class RuleContext(
    NodeProto node, GraphEmitter graph, GradientStore store, IReadOnlySet<string> wanted, Func<NodeProto, string> parameterBehind)
    : NodeContext(node, graph, wanted, parameterBehind)
{
    /// <summary>The first output.</summary>
    public Value Y => Output(0);

    /// <summary>The gradient of the first output.</summary>
    public Value DY => Gradient(0) ?? Graph.Filled(Y.Type, Y.Shape, 0);

    /// <summary>The same, with length 1 along axes where it does not vary: enough where it is only multiplied by something full.</summary>
    public Value BroadcastDY => store.Sum(Y) ?? Graph.Filled(Y.Type, Y.Shape, 0);

    /// <summary>The gradient of an output, or <c>null</c> where the loss does not depend on it.</summary>
    public Value? Gradient(int index) =>
        HasOutput(index) && store.Sum(Output(index)) is { } sum ? Graph.Expand(sum, Output(index).Shape) : null;

    /// <summary>Adds to the gradient of an input; where the input was broadcast, the gradient is summed to its shape. Ignored if not needed.</summary>
    public void Give(int index, Value gradient)
    {
        if (Needs(index))
        {
            store.Add(Node.Input[index], new Contribution(Graph.SumTo(gradient, Input(index).Shape)));
        }
    }

    /// <summary>Adds to the gradient of a value that a subgraph of the node reads.</summary>
    public void GiveCaptured(string value, Value gradient) => store.Add(value, new Contribution(gradient));

    /// <summary>Adds a gradient that is the same all along the axes where its length is 1, without writing the copies.</summary>
    public void GiveBroadcast(int index, Value gradient)
    {
        if (Needs(index))
        {
            store.Add(Node.Input[index], new Contribution(gradient));
        }
    }

    /// <summary>Adds to the gradient of the elements of an input that begin at <paramref name="start"/> along an axis.</summary>
    public void GivePart(int index, Value gradient, int axis, long start)
    {
        if (Needs(index))
        {
            store.Add(Node.Input[index], Shapes.Same(gradient.Shape, Input(index).Shape)
                ? new Contribution(gradient)
                : new Contribution(gradient, axis, start));
        }
    }

    /// <summary>An output that the model does not use but the gradient does; added to the node where it is missing.</summary>
    public Value ExtraOutput(int index, TensorElementType type, long[] shape) => Graph.AddOutput(Node, index, type, shape);
}
