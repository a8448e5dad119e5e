using OrtZero.Onnx;
using OrtZero.Runtime;

namespace OrtZero.Autograd.Internal;

/// <summary>The loss along a line through one parameter.</summary>
internal sealed class MovableParameter
{
    private readonly ForwardFunction _function;
    private readonly OrtTensor _tensor;
    private readonly double[] _start;

    public MovableParameter(ForwardFunction function, OrtTensor tensor)
    {
        _function = function;
        _tensor = tensor;
        _start = tensor.ElementType == TensorElementType.Double
            ? tensor.Span<double>().ToArray()
            : tensor.ElementType == TensorElementType.Float
                ? Array.ConvertAll(tensor.Span<float>().ToArray(), value => (double)value)
                : throw new GradientException($"Finite differences of {tensor.ElementType} parameters say nothing: convert the model to float32 first.");
        Size = Math.Sqrt(_start.Sum(value => value * value) / Math.Max(1, _start.Length));
    }

    /// <summary>The root mean square of the elements.</summary>
    public double Size { get; }

    public int Count => _start.Length;

    public double this[int index] => _start[index];

    /// <summary>The loss with every element moved by <paramref name="step"/> times its direction; the parameter comes back afterwards.</summary>
    public double Along(ReadOnlySpan<sbyte> direction, double step)
    {
        for (var i = 0; i < direction.Length; i++)
        {
            Set(i, _start[i] + (step * direction[i]));
        }

        var loss = _function.Evaluate().Loss;
        for (var i = 0; i < direction.Length; i++)
        {
            Set(i, _start[i]);
        }

        return loss;
    }

    /// <summary>The loss with one element moved, and by how much it really was: float32 rounds.</summary>
    public (double Loss, double Step) At(int index, double step)
    {
        Set(index, _start[index] + step);
        var moved = _tensor.ElementType == TensorElementType.Double ? _tensor.Span<double>()[index] : _tensor.Span<float>()[index];
        var loss = _function.Evaluate().Loss;
        Set(index, _start[index]);
        return (loss, moved - _start[index]);
    }

    private void Set(int index, double value)
    {
        if (_tensor.ElementType == TensorElementType.Double)
        {
            _tensor.Span<double>()[index] = value;
        }
        else
        {
            _tensor.Span<float>()[index] = (float)value;
        }
    }
}
