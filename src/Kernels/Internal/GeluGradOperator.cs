using OrtZero.Runtime;

namespace OrtZero.Kernels.Internal;

/// <summary>GeluGrad(dY, X; approximate = "none" | "tanh"): dX = dY * d gelu(X) / dX.</summary>
internal sealed class GeluGradOperator : FusedOperator
{
    private const int ElementsPerChunk = 1 << 13;

    public override string Name => "GeluGrad";

    public override IReadOnlyList<OperatorInput> Inputs { get; } = [Float, Float];

    public override IReadOnlyList<OperatorOutput> Outputs { get; } = [FloatOutput];

    public override CustomKernel CreateKernel(KernelAttributes attributes) => new Kernel(attributes.GetString("approximate", "none") == "tanh");

    public override void InferShapes(in ShapeInference shapes) => SameShape(shapes, input: 1, output: 0);

    private sealed class Kernel(bool tanh) : CustomKernel
    {
        public override void Compute(in KernelContext context)
        {
            var x = context.Input<float>(1);
            context.ParallelFor((x.Length + ElementsPerChunk - 1) / ElementsPerChunk, new Chunk
            {
                Tanh = tanh,
                DY = context.Input<float>(0),
                X = x,
                DX = context.Output<float>(0, context.InputShape(1)),
            });
        }
    }

    private ref struct Chunk : IParallelBody
    {
        internal required bool Tanh;
        internal required ReadOnlySpan<float> DY;
        internal required ReadOnlySpan<float> X;
        internal required Span<float> DX;

        public readonly void Invoke(int index)
        {
            var start = index * ElementsPerChunk;
            var length = Math.Min(ElementsPerChunk, X.Length - start);
            GeluMath.Backward(DY.Slice(start, length), X.Slice(start, length), DX.Slice(start, length), Tanh);
        }
    }
}
