using System.Buffers;
using OrtZero.Onnx;
using OrtZero.Runtime;

namespace OrtZero.Kernels.Internal;

/// <summary>
/// CrossEntropy(scores [.., C], labels [..]; ignore_index = -100, label_smoothing = 0): the mean loss over the labels that
/// are not ignored, a scalar, and its gradient with respect to scores. With no label left both are 0.
/// </summary>
internal sealed class CrossEntropyOperator : FusedOperator
{
    private const int ElementsPerChunk = 1 << 13;

    public override string Name => "CrossEntropy";

    public override IReadOnlyList<OperatorInput> Inputs { get; } = [Float, Int64];

    public override IReadOnlyList<OperatorOutput> Outputs { get; } = [FloatOutput, FloatOutput];

    public override CustomKernel CreateKernel(KernelAttributes attributes) =>
        new Kernel(attributes.GetInt("ignore_index", -100), attributes.GetFloat("label_smoothing", 0));

    public override void InferShapes(in ShapeInference shapes)
    {
        shapes.Output(0, TensorElementType.Float);
        SameShape(shapes, input: 0, output: 1);
    }

    private sealed class Kernel(long ignored, float smoothing) : CustomKernel
    {
        public override void Compute(in KernelContext context)
        {
            var shape = context.InputShape(0);
            var classes = (int)shape[^1];
            var labels = context.Input<long>(1);
            var counted = 0;
            for (var i = 0; i < labels.Length; i++)
            {
                if (labels[i] == ignored)
                {
                    continue;
                }

                if (labels[i] < 0 || labels[i] >= classes)
                {
                    throw new OnnxFormatException(
                        $"Label {labels[i]} at position {i} is not one of the {classes} classes of the scores: labels go from 0 to {classes - 1}, and {ignored} is ignored.");
                }

                counted++;
            }

            var rows = labels.Length;
            var rowsPerChunk = Math.Max(1, ElementsPerChunk / classes);
            var chunks = (rows + rowsPerChunk - 1) / rowsPerChunk;
            var partial = ArrayPool<double>.Shared.Rent(Math.Max(1, chunks));
            try
            {
                context.ParallelFor(chunks, new Chunk
                {
                    RowsPerChunk = rowsPerChunk,
                    Classes = classes,
                    Ignored = ignored,
                    Smoothing = smoothing,
                    Factor = counted == 0 ? 0 : 1f / counted,
                    Scores = context.Input<float>(0),
                    Labels = labels,
                    Gradient = context.Output<float>(1, shape),
                    Partial = partial,
                });
                var total = 0.0;
                for (var chunk = 0; chunk < chunks; chunk++)
                {
                    total += partial[chunk];
                }

                context.Output<float>(0)[0] = counted == 0 ? 0 : (float)(total / counted);
            }
            finally
            {
                ArrayPool<double>.Shared.Return(partial);
            }
        }
    }

    private ref struct Chunk : IParallelBody
    {
        internal required int RowsPerChunk;
        internal required int Classes;
        internal required long Ignored;
        internal required float Smoothing;
        internal required float Factor;
        internal required ReadOnlySpan<float> Scores;
        internal required ReadOnlySpan<long> Labels;
        internal required Span<float> Gradient;
        internal required Span<double> Partial;

        public readonly void Invoke(int index)
        {
            var sum = 0.0;
            var end = Math.Min(Labels.Length, (index + 1) * RowsPerChunk);
            for (var row = index * RowsPerChunk; row < end; row++)
            {
                var gradient = Gradient.Slice(row * Classes, Classes);
                if (Labels[row] == Ignored)
                {
                    gradient.Clear();
                    continue;
                }

                sum += CrossEntropyMath.Row(Scores.Slice(row * Classes, Classes), (int)Labels[row], Smoothing, Factor, gradient);
            }

            Partial[index] = sum;
        }
    }
}
