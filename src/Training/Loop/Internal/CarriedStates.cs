using OrtZero.Autograd;
using OrtZero.Mpi;
using OrtZero.Onnx;
using OrtZero.Runtime;
using OrtZero.Sharding;

namespace OrtZero.Training.Internal;

/// <summary>
/// The values that a training graph carries from run to run besides the parameters: running statistics of batch normalizations. Each rank
/// carries its own; what they are evaluated, saved and exported with is the mean over the ranks.
/// </summary>
internal sealed class CarriedStates : IDisposable
{
    private const int Alignment = 64;

    private readonly IReadOnlyList<StateUpdate> _states;
    private readonly AlignedBuffer _now;
    private readonly AlignedBuffer _next;
    private readonly Dictionary<string, OrtTensor> _inputs = new(StringComparer.Ordinal);
    private readonly Dictionary<string, OrtTensor> _outputs = new(StringComparer.Ordinal);

    /// <summary>Begins with the values of the model.</summary>
    /// <exception cref="GradientException">A state is not float32.</exception>
    internal CarriedStates(IReadOnlyList<StateUpdate> states, OnnxModel model)
    {
        _states = states;
        if (states.FirstOrDefault(state => state.Type != TensorElementType.Float) is { } other)
        {
            throw new GradientException(
                $"The running statistics '{other.InputName}' have type {other.Type}: store them as float32, which is what a run carries.");
        }

        var length = Math.Max(1, states.Sum(Length));
        _now = new AlignedBuffer(length);
        _next = new AlignedBuffer(length);
        var offset = 0L;
        foreach (var state in states)
        {
            _inputs.Add(state.InputName, OrtTensor.Wrap(_now, offset, state.Type, state.Shape));
            _outputs.Add(state.OutputName, OrtTensor.Wrap(_next, offset, state.Type, state.Shape));
            Load(state.InputName, model.Graph.FindInitializer(state.InputName)!.ToSingles());
            offset += Length(state);
        }
    }

    /// <summary>The states as they are now, by the name of their initializer.</summary>
    internal IReadOnlyDictionary<string, OrtTensor> Tensors => _inputs;

    /// <summary>Gives a session of the training graph its memory.</summary>
    internal void Bind(OrtBinding binding)
    {
        foreach (var state in _states)
        {
            binding.Input(state.InputName, _inputs[state.InputName]);
            binding.Output(state.OutputName, _outputs[state.OutputName]);
        }
    }

    /// <summary>Makes what the last run computed the input of the next.</summary>
    internal void Advance() => _next.Span<byte>().CopyTo(_now.Span<byte>());

    /// <summary>Replaces every rank's states by their mean over the ranks, summed in float64. Collective.</summary>
    internal void Average(ICommunicator communicator)
    {
        if (_states.Count == 0 || communicator.Size == 1)
        {
            return;
        }

        var values = _now.Span<float>();
        var sums = new double[values.Length];
        for (var i = 0; i < sums.Length; i++)
        {
            sums[i] = values[i];
        }

        communicator.AllReduce(sums, ReduceOperation.Sum);
        for (var i = 0; i < sums.Length; i++)
        {
            values[i] = (float)(sums[i] / communicator.Size);
        }
    }

    /// <summary>A copy of every state, by the name of its initializer.</summary>
    internal Dictionary<string, float[]> Values() =>
        _inputs.ToDictionary(pair => pair.Key, pair => pair.Value.Span<float>().ToArray(), StringComparer.Ordinal);

    /// <summary>Takes the states of a checkpoint.</summary>
    /// <exception cref="CheckpointException">It lacks one, or has one of another length.</exception>
    internal void Load(string path, IReadOnlyDictionary<string, float[]>? saved)
    {
        foreach (var (name, tensor) in _inputs)
        {
            if (saved is null || !saved.TryGetValue(name, out var values) || values.Length != tensor.Span<float>().Length)
            {
                throw new CheckpointException($"{path} does not hold the running statistics '{name}' of this model: resume a checkpoint of the same model.");
            }

            Load(name, values);
        }
    }

    public void Dispose()
    {
        foreach (var tensor in _inputs.Values.Concat(_outputs.Values))
        {
            tensor.Dispose();
        }

        _now.Dispose();
        _next.Dispose();
    }

    private void Load(string name, float[] values) => values.CopyTo(_inputs[name].Span<float>());

    private static long Length(StateUpdate state) =>
        ((state.Shape.Aggregate(sizeof(float), (long product, long axis) => product * axis) + Alignment - 1) / Alignment) * Alignment;
}
