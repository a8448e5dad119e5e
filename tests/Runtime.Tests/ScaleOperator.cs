using OrtZero.Onnx;

namespace OrtZero.Runtime.Tests;

/// <summary>y = factor * x.</summary>
internal sealed class ScaleOperator : CustomOperator
{
    public override string Name => "Scale";

    public override IReadOnlyList<OperatorInput> Inputs => [new(TensorElementType.Float)];

    public override IReadOnlyList<OperatorOutput> Outputs => [new(TensorElementType.Float)];

    public override CustomKernel CreateKernel(KernelAttributes attributes) => new Kernel(attributes.GetFloat("factor", 1));

    private sealed class Kernel(float factor) : CustomKernel
    {
        public override void Compute(in KernelContext context)
        {
            var x = context.Input<float>(0);
            var y = context.Output<float>(0, context.InputShape(0));
            for (var i = 0; i < x.Length; i++)
            {
                y[i] = factor * x[i];
            }
        }
    }
}
