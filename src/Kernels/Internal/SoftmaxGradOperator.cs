using OrtZero.Onnx;
using OrtZero.Runtime;

namespace OrtZero.Kernels.Internal;

/// <summary>SoftmaxGrad(dY, Y) over the last axis: dX = Y * (dY - sum(dY * Y)).</summary>
internal sealed class SoftmaxGradOperator : FusedOperator
{
    private const int ElementsPerChunk = 1 << 14;

    public override string Name => "SoftmaxGrad";

    public override IReadOnlyList<OperatorInput> Inputs { get; } = [Float, Float];

    public override IReadOnlyList<OperatorOutput> Outputs { get; } = [FloatOutput];

    public override CustomKernel CreateKernel(KernelAttributes attributes)
    {
        var axis = attributes.GetInt("axis", -1);
        return axis == -1
            ? new Kernel()
            : throw new OnnxFormatException($"Node '{attributes.NodeName}': SoftmaxGrad works along the last axis (-1), not {axis}.");
    }

    public override void InferShapes(in ShapeInference shapes) => SameShape(shapes, input: 1, output: 0);

    private sealed class Kernel : CustomKernel
    {
        public override void Compute(in KernelContext context)
        {
            var shape = context.InputShape(1);
            var width = (int)shape[^1];
            var rows = Count(shape[..^1]);
            var rowsPerChunk = Math.Max(1, ElementsPerChunk / Math.Max(1, width));
            context.ParallelFor((rows + rowsPerChunk - 1) / rowsPerChunk, new Chunk
            {
                Rows = rows,
                RowsPerChunk = rowsPerChunk,
                Width = width,
                DY = context.Input<float>(0),
                Y = context.Input<float>(1),
                DX = context.Output<float>(0, shape),
            });
        }
    }

    private ref struct Chunk : IParallelBody
    {
        internal required int Rows;
        internal required int RowsPerChunk;
        internal required int Width;
        internal required ReadOnlySpan<float> DY;
        internal required ReadOnlySpan<float> Y;
        internal required Span<float> DX;

        public readonly void Invoke(int index)
        {
            var end = Math.Min(Rows, (index + 1) * RowsPerChunk);
            for (var row = index * RowsPerChunk; row < end; row++)
            {
                var start = row * Width;
                SoftmaxMath.BackwardRow(DY.Slice(start, Width), Y.Slice(start, Width), DX.Slice(start, Width));
            }
        }
    }
}
