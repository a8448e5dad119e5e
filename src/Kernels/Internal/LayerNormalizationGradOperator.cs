using OrtZero.Runtime;

namespace OrtZero.Kernels.Internal;

/// <summary>
/// LayerNormalizationGrad(dY, X, scale, mean, inv_std; axis = -1): dX like X, dScale and dBias like scale, which has as many elements
/// as the axes from <c>axis</c> on.
/// </summary>
internal sealed class LayerNormalizationGradOperator : FusedOperator
{
    public override string Name => "LayerNormalizationGrad";

    public override IReadOnlyList<OperatorInput> Inputs { get; } = [Float, Float, Float, Float, Float];

    public override IReadOnlyList<OperatorOutput> Outputs { get; } = [FloatOutput, FloatOutput, FloatOutput];

    public override CustomKernel CreateKernel(KernelAttributes attributes) => new Kernel(Name, attributes.GetInt("axis", -1));

    public override void InferShapes(in ShapeInference shapes)
    {
        SameShape(shapes, input: 1, output: 0);
        SameShape(shapes, input: 2, output: 1);
        SameShape(shapes, input: 2, output: 2);
    }

    private sealed class Kernel(string name, long axis) : CustomKernel
    {
        private readonly Scratch<float> _scratch = new();

        public override void Compute(in KernelContext context)
        {
            var shape = context.InputShape(1);
            var split = Operands.Axis(name, axis, shape.Length);
            var rows = Operands.Count(shape[..split]);
            var width = Operands.Count(shape[split..]);
            var dY = context.Input<float>(0);
            var x = context.Input<float>(1);
            var scale = context.Input<float>(2);
            var mean = context.Input<float>(3);
            var invStd = context.Input<float>(4);
            Operands.Require(name, "dY", dY.Length, x.Length);
            Operands.Require(name, "scale", scale.Length, width);
            Operands.Require(name, "mean", mean.Length, rows);
            Operands.Require(name, "inv_std", invStd.Length, rows);

            var scaleShape = context.InputShape(2);
            var sums = new RowSums(rows, width, vectors: 2);
            var partial = _scratch.Take(sums.Length);
            context.ParallelFor(sums.Chunks, new Chunk
            {
                Sums = sums,
                Partial = partial,
                DY = dY,
                X = x,
                Scale = scale,
                Mean = mean,
                InvStd = invStd,
                DX = context.Output<float>(0, shape),
            });
            sums.Total(partial, vector: 0, context.Output<float>(1, scaleShape));
            sums.Total(partial, vector: 1, context.Output<float>(2, scaleShape));
            _scratch.Return(partial);
        }
    }

    private ref struct Chunk : IParallelBody
    {
        internal required RowSums Sums;
        internal required Span<float> Partial;
        internal required ReadOnlySpan<float> DY;
        internal required ReadOnlySpan<float> X;
        internal required ReadOnlySpan<float> Scale;
        internal required ReadOnlySpan<float> Mean;
        internal required ReadOnlySpan<float> InvStd;
        internal required Span<float> DX;

        public readonly void Invoke(int index)
        {
            var width = Sums.Width;
            var dScale = Sums.Clear(Partial, index, vector: 0);
            var dBias = Sums.Clear(Partial, index, vector: 1);
            for (var row = RowSums.FirstRow(index); row < Sums.EndRow(index); row++)
            {
                var start = row * width;
                LayerNormalizationMath.BackwardRow(
                    DY.Slice(start, width), X.Slice(start, width), Scale, Mean[row], InvStd[row], DX.Slice(start, width), dScale, dBias);
            }
        }
    }
}
