using System.Runtime.InteropServices;
using OrtZero.Autograd;
using OrtZero.Mpi;
using OrtZero.Onnx;
using OrtZero.Runtime;

namespace OrtZero.Training.Internal;

/// <summary>
/// What each of several losses is divided by where one of them counts over the whole update: found from the labels of all its micro-batches
/// before the first of them runs, since gradients of losses that are added cannot be told apart afterwards.
/// </summary>
internal sealed class LossDivisors : IDisposable
{
    private readonly TrainingMaterials _materials;
    private readonly ICommunicator _communicator;
    private readonly LossOptions[] _terms;
    private readonly InputBuffers[] _labels;
    private readonly OrtTensor[] _tensors;
    private readonly double[] _own;
    private readonly double[] _all;
    private readonly int[] _samples;
    private double _share;

    private LossDivisors(TrainingMaterials materials, ICommunicator communicator)
    {
        _materials = materials;
        _communicator = communicator;
        _terms = [.. LabelInputs.Terms(materials.Loss)];
        string[] fields = [.. _terms.Where(term => term.IsSum && term.Labels is not null).Select(term => term.Labels!).Distinct()];
        _labels = [.. materials.Train.Select(data => materials.Buffers(data, fields))];
        _tensors = [.. _terms.Select(_ => OrtTensor.Zeros(TensorElementType.Float))];
        _own = new double[materials.Configuration.OptimWrapper.AccumulativeCounts * _terms.Length];
        _all = new double[_own.Length * communicator.Size];
        _samples = new int[materials.Configuration.MicroBatchSize];
    }

    /// <summary>Null where one divisor serves all.</summary>
    internal static LossDivisors? Create(TrainingMaterials materials, ICommunicator communicator) =>
        materials.Graph.DivisorInputs.Count == 0 ? null : new LossDivisors(materials, communicator);

    /// <summary>
    /// Counts what an update will see. Counts are added in the order of micro-batches, step by step and within a step by rank, so that
    /// sums of class weights do not depend on which rank runs which. Collective.
    /// </summary>
    /// <param name="plan">Where iterations lie in epochs and updates.</param>
    /// <param name="iteration">The first iteration of the update.</param>
    internal void Begin(IterationPlan plan, long iteration)
    {
        var (_, counts) = plan.Accumulation(iteration);
        for (var step = 0; step < counts; step++)
        {
            var bucket = _materials.Sampler.Indices(plan.EpochOf(iteration + step), plan.PositionInEpoch(iteration + step), _samples);
            _labels[bucket].Fill(_samples);
            for (var term = 0; term < _terms.Length; term++)
            {
                _own[(step * _terms.Length) + term] = _terms[term].IsSum ? LabelCount.Of(_terms[term], _labels[bucket].Tensors) : 1;
            }
        }

        _communicator.AllGather(MemoryMarshal.AsBytes(_own.AsSpan()), MemoryMarshal.AsBytes(_all.AsSpan()));
        for (var term = 0; term < _terms.Length; term++)
        {
            var total = 0.0;
            for (var step = 0; step < counts; step++)
            {
                for (var rank = 0; rank < _communicator.Size; rank++)
                {
                    total += _all[(rank * _own.Length) + (step * _terms.Length) + term];
                }
            }

            // Without a label that counts its gradients are zero, whatever they are divided by.
            _tensors[term].Span<float>()[0] = total > 0 ? (float)total : 1;
        }

        _share = 1.0 / (counts * _communicator.Size);
    }

    /// <summary>A micro-batch's part of the update's loss, weighed so that all parts of an update weigh 1 together.</summary>
    internal MicroBatchLoss Weigh(MicroBatchLoss loss) => loss with { Count = _share };

    /// <summary>Feeds the divisors to a graph as they are now.</summary>
    internal void Bind(OrtBinding binding, TrainingGraph graph)
    {
        foreach (var (name, tensor) in graph.DivisorInputs.Zip(_tensors))
        {
            binding.Input(name, tensor);
        }
    }

    public void Dispose()
    {
        foreach (var item in _tensors.Concat<IDisposable>(_labels))
        {
            item.Dispose();
        }
    }
}
