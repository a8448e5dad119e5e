using OrtZero.Onnx;
using OrtZero.Runtime;

namespace OrtZero.Kernels.Internal;

/// <summary>
/// ShapeAfter(token; shape = []) -> int64 [rank]: a constant that is there only once the token has been computed. A Reshape of any value
/// to it costs nothing, and orders everything that reads the result behind the token.
/// </summary>
internal sealed class ShapeAfterOperator : CustomOperator
{
    public override string Name => "ShapeAfter";

    public override IReadOnlyList<OperatorInput> Inputs { get; } = [new OperatorInput(TensorElementType.Undefined)];

    public override IReadOnlyList<OperatorOutput> Outputs { get; } = [new OperatorOutput(TensorElementType.Int64)];

    public override CustomKernel CreateKernel(KernelAttributes attributes) =>
        new Kernel(attributes.GetInt("rank", 0) == 0 ? [] : attributes.GetInts("shape"));

    private sealed class Kernel(long[] shape) : CustomKernel
    {
        public override void Compute(in KernelContext context) => shape.CopyTo(context.Output<long>(0, shape.Length));
    }
}
