using OrtZero.Autograd;
using OrtZero.Onnx;
using OrtZero.Runtime;

namespace OrtZero.Training.Internal;

/// <summary>
/// The index of the micro-batch among those of all ranks, in memory that training graphs read. It follows from how many samples were used,
/// so a resumed run goes on with it, on other ranks too.
/// </summary>
internal sealed class MicroBatchIndex : IDisposable
{
    private readonly AlignedBuffer _memory = new(sizeof(long));
    private readonly OrtTensor _tensor;

    internal MicroBatchIndex() => _tensor = OrtTensor.Wrap(_memory, 0, TensorElementType.Int64, []);

    /// <summary>The memory.</summary>
    internal OrtTensor Tensor => _tensor;

    internal void Set(long index) => _tensor.Span<long>()[0] = index;

    /// <summary>Feeds it to a graph that draws by it.</summary>
    internal void Bind(OrtBinding binding, TrainingGraph graph)
    {
        if (graph.MicroBatchInput is { } name)
        {
            binding.Input(name, _tensor);
        }
    }

    public void Dispose()
    {
        _tensor.Dispose();
        _memory.Dispose();
    }
}
