using OrtZero.Runtime;

namespace OrtZero.Kernels.Internal;

/// <summary>
/// RmsNormalization(X, scale; epsilon = 1e-5, axis = -1): Y like X, and inv_std with length 1 in the axes from <c>axis</c> on, whose
/// elements scale has as many of.
/// </summary>
internal sealed class RmsNormalizationOperator : FusedOperator
{
    private const int ElementsPerChunk = 1 << 14;

    public override string Name => "RmsNormalization";

    public override IReadOnlyList<OperatorInput> Inputs { get; } = [Float, Float];

    public override IReadOnlyList<OperatorOutput> Outputs { get; } = [FloatOutput, FloatOutput];

    public override CustomKernel CreateKernel(KernelAttributes attributes) =>
        new Kernel(Name, attributes.GetInt("axis", -1), attributes.GetFloat("epsilon", 1e-5f));

    public override void InferShapes(in ShapeInference shapes) => SameShape(shapes, input: 0, output: 0);

    private sealed class Kernel(string name, long axis, float epsilon) : CustomKernel
    {
        public override void Compute(in KernelContext context)
        {
            var shape = context.InputShape(0);
            var split = Operands.Axis(name, axis, shape.Length);
            var rows = Operands.Count(shape[..split]);
            var width = Operands.Count(shape[split..]);
            var scale = context.Input<float>(1);
            Operands.Require(name, "scale", scale.Length, width);

            Span<long> statistics = stackalloc long[shape.Length];
            statistics.Fill(1);
            shape[..split].CopyTo(statistics);
            var rowsPerChunk = Operands.RowsPerChunk(width, ElementsPerChunk);
            context.ParallelFor(Operands.Chunks(rows, rowsPerChunk), new Chunk
            {
                Rows = rows,
                RowsPerChunk = rowsPerChunk,
                Width = width,
                Epsilon = epsilon,
                X = context.Input<float>(0),
                Scale = scale,
                Y = context.Output<float>(0, shape),
                InvStd = context.Output<float>(1, statistics),
            });
        }
    }

    private ref struct Chunk : IParallelBody
    {
        internal required int Rows;
        internal required int RowsPerChunk;
        internal required int Width;
        internal required float Epsilon;
        internal required ReadOnlySpan<float> X;
        internal required ReadOnlySpan<float> Scale;
        internal required Span<float> Y;
        internal required Span<float> InvStd;

        public readonly void Invoke(int index)
        {
            var end = Math.Min(Rows, (index + 1) * RowsPerChunk);
            for (var row = index * RowsPerChunk; row < end; row++)
            {
                var start = row * Width;
                InvStd[row] = RmsNormalizationMath.ForwardRow(X.Slice(start, Width), Scale, Epsilon, Y.Slice(start, Width));
            }
        }
    }
}
