using OrtZero.Onnx;
using OrtZero.Runtime;

namespace OrtZero.Training.Internal;

/// <summary>The memory of a graph's inputs for one micro-batch, filled from a data set.</summary>
internal sealed class InputBuffers : IDisposable
{
    private readonly BatchFiller _filler;
    private readonly AlignedBuffer?[] _buffers;
    private readonly Dictionary<string, OrtTensor> _tensors = new(StringComparer.Ordinal);
    private readonly Dictionary<string, int> _positions = new(StringComparer.Ordinal);
    private readonly int _microBatchSize;

    /// <summary>Makes room for a micro-batch.</summary>
    /// <param name="dataset">Where samples come from; it must have a field for every input and an input for every field.</param>
    /// <param name="inputs">What the model takes, the labels among them.</param>
    /// <param name="used">The inputs that need memory; the others are checked against the data and left alone.</param>
    /// <param name="microBatchSize">Samples that fit.</param>
    /// <param name="labels">Which labels are allowed.</param>
    /// <param name="shapes">The shape in which the graph takes an input, where it is another than that of the data, element by element the same.</param>
    internal InputBuffers(
        Dataset dataset, IReadOnlyList<ValueDescription> inputs, IReadOnlyCollection<string> used, int microBatchSize, IReadOnlyList<LabelRule> labels,
        IReadOnlyDictionary<string, long[]>? shapes = null)
    {
        _filler = new BatchFiller(dataset, microBatchSize, inputs, labels);
        _buffers = new AlignedBuffer?[_filler.Inputs.Count];
        _microBatchSize = microBatchSize;
        for (var position = 0; position < _buffers.Length; position++)
        {
            var input = _filler.Inputs[position];
            if (used.Contains(input.Name))
            {
                var buffer = new AlignedBuffer(input.ByteLength);
                _buffers[position] = buffer;
                _positions.Add(input.Name, position);
                _tensors.Add(input.Name, OrtTensor.Wrap(buffer, 0, input.Type, shapes?.GetValueOrDefault(input.Name) ?? [.. input.Shape]));
            }
        }
    }

    /// <summary>The inputs that have memory, by name, over all of it.</summary>
    internal IReadOnlyDictionary<string, OrtTensor> Tensors => _tensors;

    /// <summary>Copies samples into the memory, from its beginning.</summary>
    internal void Fill(ReadOnlySpan<int> samples)
    {
        for (var position = 0; position < _buffers.Length; position++)
        {
            if (_buffers[position] is { } buffer)
            {
                var input = _filler.Inputs[position];
                _filler.Fill(position, samples, buffer.Span<byte>(0, checked((int)(input.ByteLength / input.Shape[0] * samples.Length))));
            }
        }
    }

    /// <summary>An input's memory as a tensor of its first samples; the caller disposes it.</summary>
    internal OrtTensor First(string name, int samples)
    {
        var position = _positions[name];
        var input = _filler.Inputs[position];
        var whole = _tensors[name].Shape;
        return OrtTensor.Wrap(_buffers[position]!, 0, input.Type, [whole[0] / _microBatchSize * samples, .. whole.Skip(1)]);
    }

    public void Dispose()
    {
        foreach (var tensor in _tensors.Values)
        {
            tensor.Dispose();
        }

        foreach (var buffer in _buffers)
        {
            buffer?.Dispose();
        }
    }
}
