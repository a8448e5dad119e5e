using OrtZero.Runtime;

namespace OrtZero.Kernels.Internal;

/// <summary>Gelu(X; approximate = "none" | "tanh"): as ONNX's Gelu-20, at any opset.</summary>
internal sealed class GeluOperator : FusedOperator
{
    private const int ElementsPerChunk = 1 << 13;

    public override string Name => "Gelu";

    public override IReadOnlyList<OperatorInput> Inputs { get; } = [Float];

    public override IReadOnlyList<OperatorOutput> Outputs { get; } = [FloatOutput];

    public override CustomKernel CreateKernel(KernelAttributes attributes) => new Kernel(attributes.GetString("approximate", "none") == "tanh");

    public override void InferShapes(in ShapeInference shapes) => SameShape(shapes, input: 0, output: 0);

    private sealed class Kernel(bool tanh) : CustomKernel
    {
        public override void Compute(in KernelContext context)
        {
            var x = context.Input<float>(0);
            context.ParallelFor((x.Length + ElementsPerChunk - 1) / ElementsPerChunk, new Chunk
            {
                Tanh = tanh,
                X = x,
                Y = context.Output<float>(0, context.InputShape(0)),
            });
        }
    }

    private ref struct Chunk : IParallelBody
    {
        internal required bool Tanh;
        internal required ReadOnlySpan<float> X;
        internal required Span<float> Y;

        public readonly void Invoke(int index)
        {
            var start = index * ElementsPerChunk;
            var length = Math.Min(ElementsPerChunk, X.Length - start);
            GeluMath.Forward(X.Slice(start, length), Y.Slice(start, length), Tanh);
        }
    }
}
