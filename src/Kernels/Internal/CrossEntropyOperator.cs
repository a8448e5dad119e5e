using OrtZero.Onnx;
using OrtZero.Runtime;

namespace OrtZero.Kernels.Internal;

/// <summary>
/// CrossEntropy(scores [.., C], labels [..]; ignore_index = -100, label_smoothing = 0): the mean loss over the labels that
/// are not ignored, a scalar, and its gradient with respect to scores. With no label left both are 0.
/// </summary>
internal sealed class CrossEntropyOperator : FusedOperator
{
    private const int ElementsPerChunk = 1 << 14;

    public override string Name => "CrossEntropy";

    public override IReadOnlyList<OperatorInput> Inputs { get; } = [Float, Int64];

    public override IReadOnlyList<OperatorOutput> Outputs { get; } = [FloatOutput, FloatOutput];

    public override CustomKernel CreateKernel(KernelAttributes attributes)
    {
        var smoothing = attributes.GetFloat("label_smoothing", 0);
        return smoothing is >= 0 and <= 1
            ? new Kernel(Name, attributes.GetInt("ignore_index", -100), Decimal(smoothing))
            : throw new OnnxFormatException($"Node '{attributes.NodeName}': label_smoothing is {smoothing}, but must be from 0 to 1.");
    }

    public override void InferShapes(in ShapeInference shapes)
    {
        shapes.Output(0, TensorElementType.Float);
        SameShape(shapes, input: 0, output: 1);
    }

    /// <summary>The float64 that a person meant who wrote 0.1: the shortest decimal that gives this float32.</summary>
    private static double Decimal(float value) => (double)(decimal)value;

    private sealed class Kernel(string name, long ignored, double smoothing) : CustomKernel
    {
        private readonly Scratch<double> _scratch = new();

        public override void Compute(in KernelContext context)
        {
            var shape = context.InputShape(0);
            var classes = (int)shape[Operands.Axis(name, -1, shape.Length)];
            var scores = context.Input<float>(0);
            var labels = context.Input<long>(1);
            Operands.Require(name, "labels", labels.Length, Operands.Count(shape[..^1]));
            var counted = CountLabels(labels, classes);

            var gradient = context.Output<float>(1, shape);
            var rowsPerChunk = Operands.RowsPerChunk(classes, ElementsPerChunk);
            var chunks = Operands.Chunks(labels.Length, rowsPerChunk);
            var partial = _scratch.Take(chunks);
            context.ParallelFor(chunks, new Chunk
            {
                RowsPerChunk = rowsPerChunk,
                Classes = classes,
                Ignored = ignored,
                Smoothing = smoothing,
                Factor = 1.0 / counted,
                Scores = scores,
                Labels = labels,
                Gradient = gradient,
                Partial = partial,
            });
            var total = 0.0;
            for (var chunk = 0; chunk < chunks; chunk++)
            {
                total += partial[chunk];
            }

            _scratch.Return(partial);
            context.Output<float>(0)[0] = counted == 0 ? 0 : (float)(total / counted);
        }

        private int CountLabels(ReadOnlySpan<long> labels, int classes)
        {
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

            return counted;
        }
    }

    private ref struct Chunk : IParallelBody
    {
        internal required int RowsPerChunk;
        internal required int Classes;
        internal required long Ignored;
        internal required double Smoothing;
        internal required double Factor;
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
