using OrtZero.Onnx;
using OrtZero.Runtime;

namespace OrtZero.Kernels.Internal;

/// <summary>
/// CounterMask(shape, micro_batch; ratio, seed, node = 0) -> mask: what CounterDropout makes of ones of that shape, 1/(1 - ratio) or 0. It runs
/// on the CPU; other execution providers multiply by the mask, and so drop the very same elements.
/// </summary>
internal sealed class CounterMaskOperator : FusedOperator
{
    public override string Name => "CounterMask";

    public override IReadOnlyList<OperatorInput> Inputs { get; } = [Int64, Int64];

    public override IReadOnlyList<OperatorOutput> Outputs { get; } = [FloatOutput];

    public override bool InfersShapes => false;

    public override CustomKernel CreateKernel(KernelAttributes attributes)
    {
        var ratio = attributes.GetFloat("ratio", 0.5f);
        return ratio is >= 0 and < 1
            ? new Kernel(ratio, (ulong)attributes.GetInt("seed", 0), (uint)attributes.GetInt("node", 0))
            : throw new OnnxFormatException($"{Name}: ratio is {ratio}; it must be at least 0 and less than 1.");
    }

    private sealed class Kernel(float ratio, ulong seed, uint node) : CustomKernel
    {
        public override void Compute(in KernelContext context)
        {
            var microBatch = context.Input<long>(1);
            Operands.Require("CounterMask", "micro_batch", microBatch.Length, 1);
            var mask = context.Output<float>(0, context.Input<long>(0));
            mask.Fill(1);
            new CounterDropoutOperator.Draw(ratio, seed, node, (ulong)microBatch[0]).Apply(context, mask, mask);
        }
    }
}
