using OrtZero.Onnx;
using OrtZero.Runtime;

namespace OrtZero.Kernels.Internal;

/// <summary>
/// EmbeddingGrad(dY [.., D], indices [..]; rows): the gradient [rows, D] of a table that Gather along axis 0 read from.
/// Each thread owns a range of the table's rows and adds in the order of the indices, so nothing races and the sums do not
/// depend on the number of threads.
/// </summary>
internal sealed class EmbeddingGradOperator : FusedOperator
{
    private const int Ranges = 16;

    public override string Name => "EmbeddingGrad";

    public override IReadOnlyList<OperatorInput> Inputs { get; } = [Float, Int64];

    public override IReadOnlyList<OperatorOutput> Outputs { get; } = [FloatOutput];

    public override CustomKernel CreateKernel(KernelAttributes attributes)
    {
        var rows = attributes.GetInt("rows", 0);
        return rows > 0
            ? new Kernel(rows)
            : throw new OnnxFormatException($"Node '{attributes.NodeName}': EmbeddingGrad needs the attribute rows, the length of the table.");
    }

    private sealed class Kernel(long rows) : CustomKernel
    {
        public override void Compute(in KernelContext context)
        {
            var dY = context.Input<float>(0);
            var indices = context.Input<long>(1);
            foreach (var index in indices)
            {
                if (index < -rows || index >= rows)
                {
                    throw new OnnxFormatException($"Index {index} is outside a table of {rows} rows.");
                }
            }

            var width = indices.Length == 0 ? (int)context.InputShape(0)[^1] : dY.Length / indices.Length;
            context.ParallelFor(Ranges, new Range
            {
                Rows = (int)rows,
                Width = width,
                DY = dY,
                Indices = indices,
                Table = context.Output<float>(0, rows, width),
            });
        }
    }

    private ref struct Range : IParallelBody
    {
        internal required int Rows;
        internal required int Width;
        internal required ReadOnlySpan<float> DY;
        internal required ReadOnlySpan<long> Indices;
        internal required Span<float> Table;

        public readonly void Invoke(int index)
        {
            var first = (int)((long)Rows * index / Ranges);
            var end = (int)((long)Rows * (index + 1) / Ranges);
            Table[(first * Width)..(end * Width)].Clear();
            for (var i = 0; i < Indices.Length; i++)
            {
                var row = (int)(Indices[i] < 0 ? Indices[i] + Rows : Indices[i]);
                if (row >= first && row < end)
                {
                    VectorMath.Add(Table.Slice(row * Width, Width), DY.Slice(i * Width, Width));
                }
            }
        }
    }
}
