using OrtZero.Onnx;
using OrtZero.Runtime;

namespace OrtZero.Kernels.Internal;

/// <summary>
/// EmbeddingGrad(dY [.., D], indices [..]; rows): the gradient [rows, D] of a table that Gather along axis 0 read from; negative
/// indices count from the end. Each piece of work owns a range of columns and adds in the order of the indices, so nothing races, the
/// work is even however often an index repeats, and the sums do not depend on the number of threads.
/// </summary>
internal sealed class EmbeddingGradOperator : FusedOperator
{
    private const int Columns = 64;
    private const int ElementsPerClear = 1 << 16;

    public override string Name => "EmbeddingGrad";

    public override IReadOnlyList<OperatorInput> Inputs { get; } = [Float, Int64];

    public override IReadOnlyList<OperatorOutput> Outputs { get; } = [FloatOutput];

    // The table's shape depends on an attribute, which shape inference does not see.
    public override bool InfersShapes => false;

    public override CustomKernel CreateKernel(KernelAttributes attributes)
    {
        var rows = attributes.GetInt("rows", 0);
        return rows is > 0 and <= int.MaxValue
            ? new Kernel(Name, (int)rows)
            : throw new OnnxFormatException(
                $"Node '{attributes.NodeName}': EmbeddingGrad needs the attribute rows, the length of the table, not {rows}.");
    }

    private sealed class Kernel(string name, int rows) : CustomKernel
    {
        public override void Compute(in KernelContext context)
        {
            var shape = context.InputShape(0);
            var width = (int)shape[Operands.Axis(name, -1, shape.Length)];
            var dY = context.Input<float>(0);
            var indices = context.Input<long>(1);
            Operands.Require(name, "indices", indices.Length, Operands.Count(shape[..^1]));
            for (var i = 0; i < indices.Length; i++)
            {
                if (indices[i] < -rows || indices[i] >= rows)
                {
                    throw new OnnxFormatException(
                        $"Index {indices[i]} at position {i} is outside a table of {rows} rows: indices go from {-rows} to {rows - 1}.");
                }
            }

            var table = context.Output<float>(0, rows, width);
            context.ParallelFor(Operands.Chunks(table.Length, ElementsPerClear), new Clear { Table = table });
            context.ParallelFor(Operands.Chunks(width, Columns), new Add { Rows = rows, Width = width, DY = dY, Indices = indices, Table = table });
        }
    }

    private ref struct Clear : IParallelBody
    {
        internal required Span<float> Table;

        public readonly void Invoke(int index)
        {
            var start = index * ElementsPerClear;
            Table.Slice(start, Math.Min(ElementsPerClear, Table.Length - start)).Clear();
        }
    }

    private ref struct Add : IParallelBody
    {
        internal required int Rows;
        internal required int Width;
        internal required ReadOnlySpan<float> DY;
        internal required ReadOnlySpan<long> Indices;
        internal required Span<float> Table;

        public readonly void Invoke(int index)
        {
            var column = index * Columns;
            var length = Math.Min(Columns, Width - column);
            for (var i = 0; i < Indices.Length; i++)
            {
                var row = (int)(Indices[i] < 0 ? Indices[i] + Rows : Indices[i]);
                VectorMath.Add(Table.Slice((row * Width) + column, length), DY.Slice((i * Width) + column, length));
            }
        }
    }
}
