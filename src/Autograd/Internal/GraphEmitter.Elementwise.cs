using System.Runtime.InteropServices;
using OrtZero.Onnx;
using OrtZero.Onnx.Protobuf;

namespace OrtZero.Autograd.Internal;

/// <summary>Constants and elementwise operators.</summary>
internal sealed partial class GraphEmitter
{
    /// <summary>A constant without axes.</summary>
    public Value Scalar(TensorElementType type, double number) => Tensor(type, [], Bytes(type, number));

    /// <summary>A constant of real numbers.</summary>
    public Value Reals(TensorElementType type, long[] shape, double[] numbers) =>
        Tensor(type, shape, [.. numbers.SelectMany(number => Bytes(type, number))]);

    /// <summary>A constant vector of int64, as operators take for axes, shapes and the like.</summary>
    public Value Integers(params ReadOnlySpan<long> numbers) => Integers(numbers, [numbers.Length]);

    /// <summary>The integers from 0 up to the number of elements, in the given shape.</summary>
    public Value Iota(params long[] shape) => Integers(Shapes.Range(checked((int)Shapes.Count(shape))), shape);

    private Value Integers(ReadOnlySpan<long> numbers, long[] shape) =>
        Tensor(TensorElementType.Int64, shape, MemoryMarshal.AsBytes(numbers).ToArray());

    /// <summary>A tensor that holds one number everywhere. It is made in the run, so that a large one is not stored in the model.</summary>
    public Value Filled(TensorElementType type, long[] shape, double number) =>
        shape.Length == 0
            ? Scalar(type, number)
            : Node("ConstantOfShape", [Integers(shape)], type, shape, node => node.SetTensor("value", TensorFactory.Raw("", type, [1], Bytes(type, number))));

    public Value Neg(Value x) => Unary("Neg", x);

    public Value Exp(Value x) => Unary("Exp", x);

    public Value Log(Value x) => Unary("Log", x);

    public Value Sqrt(Value x) => Unary("Sqrt", x);

    public Value Not(Value x) => Unary("Not", x);

    /// <summary>An operator that keeps type and shape.</summary>
    public Value Unary(string operatorName, Value x, Action<NodeProto>? attributes = null, string domain = "") =>
        Node(operatorName, [x], x.Type, x.Shape, attributes, domain);

    public Value Clip(Value x, double low, double high) => Node("Clip", [x, Scalar(x.Type, low), Scalar(x.Type, high)], x.Type, x.Shape);

    public Value Add(Value a, Value b) => Binary("Add", a, b);

    public Value Sub(Value a, Value b) => Binary("Sub", a, b);

    public Value Mul(Value a, Value b) => Binary("Mul", a, b);

    public Value Div(Value a, Value b) => Binary("Div", a, b);

    public Value Pow(Value a, Value b) => Binary("Pow", a, b);

    public Value Add(Value a, double b) => b == 0 ? a : Add(a, Scalar(a.Type, b));

    public Value Sub(double a, Value b) => Sub(Scalar(b.Type, a), b);

    public Value Mul(Value a, double b) => b == 1 ? a : b == -1 ? Neg(a) : Mul(a, Scalar(a.Type, b));

    public Value Div(double a, Value b) => Div(Scalar(b.Type, a), b);

    public Value Square(Value x) => Mul(x, x);

    public Value Greater(Value a, Value b) => Compare("Greater", a, b);

    public Value Greater(Value a, double b) => Greater(a, Scalar(a.Type, b));

    public Value Less(Value a, Value b) => Compare("Less", a, b);

    public Value Less(Value a, double b) => Less(a, Scalar(a.Type, b));

    public Value GreaterOrEqual(Value a, Value b) => Compare("GreaterOrEqual", a, b);

    public Value LessOrEqual(Value a, Value b) => Compare("LessOrEqual", a, b);

    public Value Equal(Value a, Value b) => Compare("Equal", a, b);

    public Value And(Value a, Value b) => Compare("And", a, b);

    public Value Or(Value a, Value b) => Compare("Or", a, b);

    public Value Where(Value condition, Value yes, Value no) =>
        Node("Where", [condition, yes, no], yes.Type, Shapes.Broadcast(condition.Shape, Shapes.Broadcast(yes.Shape, no.Shape)));

    /// <summary>The value where the condition holds, else 0.</summary>
    public Value Masked(Value condition, Value x) => Where(condition, x, Scalar(x.Type, 0));

    public Value Cast(Value x, TensorElementType type) =>
        x.Type == type ? x : Node("Cast", [x], type, x.Shape, node => node.SetInt("to", (long)type));

    private Value Binary(string operatorName, Value a, Value b) =>
        Node(operatorName, [a, b], a.Type, Shapes.Broadcast(a.Shape, b.Shape));

    private Value Compare(string operatorName, Value a, Value b) =>
        Node(operatorName, [a, b], TensorElementType.Bool, Shapes.Broadcast(a.Shape, b.Shape));

    private static byte[] Bytes(TensorElementType type, double number) => type switch
    {
        TensorElementType.Float => BitConverter.GetBytes((float)number),
        TensorElementType.Double => BitConverter.GetBytes(number),
        TensorElementType.Float16 => BitConverter.GetBytes((Half)number),
        TensorElementType.BFloat16 => BitConverter.GetBytes((ushort)(BitConverter.SingleToUInt32Bits((float)number) >> 16)),
        TensorElementType.Int64 => BitConverter.GetBytes((long)number),
        TensorElementType.Int32 => BitConverter.GetBytes((int)number),
        TensorElementType.Bool => [number == 0 ? (byte)0 : (byte)1],
        _ => throw new GradientException($"A gradient graph holds no constants of type {type}: cast the value to float32 in the model."),
    };
}
