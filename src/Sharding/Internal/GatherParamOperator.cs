using OrtZero.Onnx;
using OrtZero.Runtime;

namespace OrtZero.Sharding.Internal;

/// <summary>
/// <c>ortzero.GatherParam(after…) -> (parameter, token)</c> with the attributes <c>position</c> and <c>shape</c>: makes a sharded
/// parameter whole just before it is used, so that ONNX Runtime frees it after its last use. The inputs are whatever must come
/// before; the token is a scalar 0.
/// </summary>
internal sealed class GatherParamOperator(Func<ParameterGatherer> gatherer) : CustomOperator
{
    public const string OperatorName = "GatherParam";

    public const string PositionAttribute = "position";

    public const string ShapeAttribute = "shape";

    public override string Name => OperatorName;

    public override IReadOnlyList<OperatorInput> Inputs { get; } = [new OperatorInput(TensorElementType.Undefined, Variadic: true)];

    public override IReadOnlyList<OperatorOutput> Outputs { get; } =
        [new OperatorOutput(TensorElementType.Float), new OperatorOutput(TensorElementType.Float)];

    public override CustomKernel CreateKernel(KernelAttributes attributes) =>
        new Kernel(gatherer(), (int)attributes.GetInt(PositionAttribute, -1), attributes.GetInts(ShapeAttribute) ?? []);

    private sealed class Kernel(ParameterGatherer gatherer, int position, long[] shape) : CustomKernel
    {
        public override void Compute(in KernelContext context)
        {
            gatherer.Take(position, context.Output<float>(0, shape));
            context.Output<float>(1, [])[0] = 0;
        }
    }
}
