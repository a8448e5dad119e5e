using OrtZero.Onnx;
using OrtZero.Runtime;

namespace OrtZero.Kernels.Internal;

/// <summary>An operator with fixed numbers of float32 (or, where said, int64) inputs and float32 outputs.</summary>
internal abstract class FusedOperator : CustomOperator
{
    protected static OperatorInput Float { get; } = new(TensorElementType.Float);

    protected static OperatorInput Int64 { get; } = new(TensorElementType.Int64);

    protected static OperatorOutput FloatOutput { get; } = new(TensorElementType.Float);

    public override bool InfersShapes => true;

    /// <summary>Passes the shape of an input on to an output where it is known.</summary>
    protected static void SameShape(in ShapeInference shapes, int input, int output)
    {
        var shape = shapes.Input(input).Shape;

        // ONNX Runtime shows a shape of which it knows nothing without axes, as that of a scalar.
        if (shape.Length > 0 && Array.TrueForAll(shape, length => length >= 0))
        {
            shapes.Output(output, TensorElementType.Float, shape);
        }
    }
}
