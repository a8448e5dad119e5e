using OrtZero.Runtime;

namespace OrtZero.Kernels.Internal;

/// <summary>RmsNormalizationGrad(dY, X, scale, inv_std; axis = -1): dX like X and dScale like scale.</summary>
internal sealed class RmsNormalizationGradOperator : FusedOperator
{
    public override string Name => "RmsNormalizationGrad";

    public override IReadOnlyList<OperatorInput> Inputs { get; } = [Float, Float, Float, Float];

    public override IReadOnlyList<OperatorOutput> Outputs { get; } = [FloatOutput, FloatOutput];

    public override CustomKernel CreateKernel(KernelAttributes attributes) => new Kernel(Name, attributes.GetInt("axis", -1));

    public override void InferShapes(in ShapeInference shapes)
    {
        SameShape(shapes, input: 1, output: 0);
        SameShape(shapes, input: 2, output: 1);
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
            var invStd = context.Input<float>(3);
            Operands.Require(name, "dY", dY.Length, x.Length);
            Operands.Require(name, "scale", scale.Length, width);
            Operands.Require(name, "inv_std", invStd.Length, rows);

            var sums = new RowSums(rows, width, vectors: 1);
            var partial = _scratch.Take(sums.Length);
            context.ParallelFor(sums.Chunks, new Chunk
            {
                Sums = sums,
                Partial = partial,
                DY = dY,
                X = x,
                Scale = scale,
                InvStd = invStd,
                DX = context.Output<float>(0, shape),
            });
            sums.Total(partial, vector: 0, context.Output<float>(1, context.InputShape(2)));
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
        internal required ReadOnlySpan<float> InvStd;
        internal required Span<float> DX;

        public readonly void Invoke(int index)
        {
            var width = Sums.Width;
            var dScale = Sums.Clear(Partial, index, vector: 0);
            for (var row = RowSums.FirstRow(index); row < Sums.EndRow(index); row++)
            {
                var start = row * width;
                RmsNormalizationMath.BackwardRow(
                    DY.Slice(start, width), X.Slice(start, width), Scale, InvStd[row], DX.Slice(start, width), dScale);
            }
        }
    }
}
