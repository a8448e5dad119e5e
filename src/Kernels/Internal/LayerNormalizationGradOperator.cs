using System.Buffers;
using OrtZero.Runtime;

namespace OrtZero.Kernels.Internal;

/// <summary>
/// LayerNormalizationGrad(dY, X, scale, mean, inv_std; axis = -1): dX like X, dScale and dBias like scale.
/// </summary>
internal sealed class LayerNormalizationGradOperator : FusedOperator
{
    // Rows per partial sum of dScale and dBias: fixed, so that sums do not depend on the number of threads.
    private const int RowsPerChunk = 64;

    public override string Name => "LayerNormalizationGrad";

    public override IReadOnlyList<OperatorInput> Inputs { get; } = [Float, Float, Float, Float, Float];

    public override IReadOnlyList<OperatorOutput> Outputs { get; } = [FloatOutput, FloatOutput, FloatOutput];

    public override CustomKernel CreateKernel(KernelAttributes attributes) => new Kernel((int)attributes.GetInt("axis", -1));

    public override void InferShapes(in ShapeInference shapes)
    {
        SameShape(shapes, input: 1, output: 0);
        SameShape(shapes, input: 2, output: 1);
        SameShape(shapes, input: 2, output: 2);
    }

    private sealed class Kernel(int axis) : CustomKernel
    {
        public override void Compute(in KernelContext context)
        {
            var shape = context.InputShape(1);
            var split = axis < 0 ? axis + shape.Length : axis;
            var rows = Count(shape[..split]);
            var width = Count(shape[split..]);
            var chunks = (rows + RowsPerChunk - 1) / RowsPerChunk;
            var scaleShape = context.InputShape(2);
            var dScale = context.Output<float>(1, scaleShape);
            var dBias = context.Output<float>(2, scaleShape);
            var partial = ArrayPool<float>.Shared.Rent(2 * chunks * width);
            try
            {
                context.ParallelFor(chunks, new Chunk
                {
                    Rows = rows,
                    Width = width,
                    DY = context.Input<float>(0),
                    X = context.Input<float>(1),
                    Scale = context.Input<float>(2),
                    Mean = context.Input<float>(3),
                    InvStd = context.Input<float>(4),
                    DX = context.Output<float>(0, shape),
                    Partial = partial,
                });
                dScale.Clear();
                dBias.Clear();
                for (var chunk = 0; chunk < chunks; chunk++)
                {
                    VectorMath.Add(dScale, partial.AsSpan(2 * chunk * width, width));
                    VectorMath.Add(dBias, partial.AsSpan(((2 * chunk) + 1) * width, width));
                }
            }
            finally
            {
                ArrayPool<float>.Shared.Return(partial);
            }
        }
    }

    private ref struct Chunk : IParallelBody
    {
        internal required int Rows;
        internal required int Width;
        internal required ReadOnlySpan<float> DY;
        internal required ReadOnlySpan<float> X;
        internal required ReadOnlySpan<float> Scale;
        internal required ReadOnlySpan<float> Mean;
        internal required ReadOnlySpan<float> InvStd;
        internal required Span<float> DX;
        internal required Span<float> Partial;

        public readonly void Invoke(int index)
        {
            var dScale = Partial.Slice(2 * index * Width, Width);
            var dBias = Partial.Slice(((2 * index) + 1) * Width, Width);
            dScale.Clear();
            dBias.Clear();
            var end = Math.Min(Rows, (index + 1) * RowsPerChunk);
            for (var row = index * RowsPerChunk; row < end; row++)
            {
                var start = row * Width;
                LayerNormalizationMath.BackwardRow(
                    DY.Slice(start, Width), X.Slice(start, Width), Scale, Mean[row], InvStd[row], DX.Slice(start, Width), dScale, dBias);
            }
        }
    }
}
