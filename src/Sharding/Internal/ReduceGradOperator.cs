using OrtZero.Onnx;
using OrtZero.Runtime;

namespace OrtZero.Sharding.Internal;

/// <summary>
/// <c>ortzero.ReduceGrad(gradient, after?) -> token</c> with the attribute <c>parameter</c>: hands a gradient to the engine the
/// moment it is computed, so that ONNX Runtime can free it at once. The token is a scalar 0; the optional second input is the
/// token of the node that must come before.
/// </summary>
internal sealed class ReduceGradOperator(PartitionPlan plan, GradientReducer gradients) : CustomOperator
{
    public const string OperatorName = "ReduceGrad";

    public const string ParameterAttribute = "parameter";

    public override string Name => OperatorName;

    public override IReadOnlyList<OperatorInput> Inputs { get; } =
        [new OperatorInput(TensorElementType.Float), new OperatorInput(TensorElementType.Float, Optional: true)];

    public override IReadOnlyList<OperatorOutput> Outputs { get; } = [new OperatorOutput(TensorElementType.Float)];

    public override CustomKernel CreateKernel(KernelAttributes attributes) =>
        new Kernel(plan.IndexOf(attributes.GetString(ParameterAttribute, "")), gradients);

    private sealed class Kernel(int parameter, GradientReducer gradients) : CustomKernel
    {
        public override void Compute(in KernelContext context)
        {
            gradients.Accumulate(parameter, context.Input<float>(0));
            context.Output<float>(0, [])[0] = 0;
        }
    }
}
