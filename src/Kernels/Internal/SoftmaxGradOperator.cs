using OrtZero.Runtime;

namespace OrtZero.Kernels.Internal;

/// <summary>SoftmaxGrad(dY, Y; axis = -1): dX = Y * (dY - sum(dY * Y)), the sum along the axis, as of Softmax-13.</summary>
internal sealed class SoftmaxGradOperator : FusedOperator
{
    private const int ElementsPerChunk = 1 << 14;

    public override string Name => "SoftmaxGrad";

    public override IReadOnlyList<OperatorInput> Inputs { get; } = [Float, Float];

    public override IReadOnlyList<OperatorOutput> Outputs { get; } = [FloatOutput];

    public override CustomKernel CreateKernel(KernelAttributes attributes) => new Kernel(Name, attributes.GetInt("axis", -1));

    public override void InferShapes(in ShapeInference shapes) => SameShape(shapes, input: 1, output: 0);

    private sealed class Kernel(string name, long axis) : CustomKernel
    {
        public override void Compute(in KernelContext context)
        {
            var shape = context.InputShape(1);
            var split = Operands.Axis(name, axis, shape.Length);
            var dY = context.Input<float>(0);
            var y = context.Input<float>(1);
            Operands.Require(name, "dY", dY.Length, y.Length);
            var inner = Operands.Count(shape[(split + 1)..]);
            var block = Operands.Count(shape[split..]);
            var blocks = Operands.Count(shape[..split]);
            var blocksPerChunk = Operands.RowsPerChunk(block, ElementsPerChunk);
            context.ParallelFor(y.Length == 0 ? 0 : Operands.Chunks(blocks, blocksPerChunk), new Chunk
            {
                Blocks = blocks,
                BlocksPerChunk = blocksPerChunk,
                Block = block,
                Inner = inner,
                DY = dY,
                Y = y,
                DX = context.Output<float>(0, shape),
            });
        }
    }

    private ref struct Chunk : IParallelBody
    {
        internal required int Blocks;
        internal required int BlocksPerChunk;
        internal required int Block;
        internal required int Inner;
        internal required ReadOnlySpan<float> DY;
        internal required ReadOnlySpan<float> Y;
        internal required Span<float> DX;

        public readonly void Invoke(int index)
        {
            var end = Math.Min(Blocks, (index + 1) * BlocksPerChunk);
            for (var block = index * BlocksPerChunk; block < end; block++)
            {
                var start = block * Block;
                var dY = DY.Slice(start, Block);
                var y = Y.Slice(start, Block);
                var dX = DX.Slice(start, Block);
                if (Inner == 1)
                {
                    SoftmaxMath.BackwardRow(dY, y, dX);
                }
                else
                {
                    SoftmaxMath.BackwardColumns(dY, y, dX, Inner);
                }
            }
        }
    }
}
