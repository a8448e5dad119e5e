using OrtZero.Autograd;
using OrtZero.Kernels;
using OrtZero.Onnx;
using OrtZero.Runtime;
using OrtZero.Sharding;

namespace OrtZero.Training.Internal;

/// <summary>
/// A session of a training graph with all its memory bound once. At stage 3 on a device, where binding copies, inputs are bound for every
/// run and parameters that are not gathered for every update.
/// </summary>
internal sealed class TrainingSession : ITrainingSession
{
    private const int Alignment = 64;

    private readonly AlignedBuffer _results = new(3 * Alignment);
    private readonly OrtTensor _loss;
    private readonly OrtTensor _token;
    private readonly OrtTensor? _count;
    private readonly OrtSession _session;
    private readonly OrtBinding _binding;
    private readonly ZeroEngine _engine;
    private readonly TrainingGraph _graph;
    private readonly MicroBatchIndex _microBatch;
    private readonly LossDivisors? _divisors;
    private readonly InputBuffers _inputs;
    private readonly CarriedStates _states;
    private readonly string[] _parameters;
    private readonly bool _isOnDevice;
    private readonly int _bucket;
    private long _bound = -1;

    internal TrainingSession(
        TrainingMaterials materials, ZeroEngine engine, TrainingGraph graph, int bucket, InputBuffers inputs, CarriedStates states,
        MicroBatchIndex microBatch, LossDivisors? divisors)
    {
        (_graph, _microBatch, _divisors) = (graph, microBatch, divisors);
        _engine = engine;
        _bucket = bucket;
        _inputs = inputs;
        _states = states;
        _isOnDevice = !materials.Provider.IsCpu;
        _parameters = [.. graph.Parameters.Select(parameter => parameter.Name).Where(name => !engine.IsGathered(name))];
        using var domain = KernelLibrary.CreateDomain(materials.Environment);
        foreach (var custom in engine.Operators)
        {
            domain.Add(custom);
        }

        if (_isOnDevice)
        {
            DeviceGatherPass.Apply(graph);
        }

        using var options = _isOnDevice
            ? SessionSettings.For(graph.Model, materials, engine.Communicator, SessionSettings.TrainingLevel(materials.Configuration))
            : SessionSettings.ForTraining(materials.Environment, materials.Configuration, engine.Communicator);
        options.DisableOptimizers([.. TrainingGraph.DisabledOptimizers]);
        options.AddCustomOperators(domain);
        _session = OrtSession.Open(materials.Environment, graph.Model, options);
        _binding = _session.CreateBinding();
        Bind();

        // Until the first run a checkpoint may still be loaded.
        _bound = -1;
        _loss = OrtTensor.Wrap(_results, 0, TensorElementType.Float, []);
        _token = OrtTensor.Wrap(_results, Alignment, TensorElementType.Float, []);
        _binding.Output(graph.LossName, _loss);
        if (graph.CountName is { } count)
        {
            _count = OrtTensor.Wrap(_results, 2 * Alignment, TensorElementType.Float, []);
            _binding.Output(count, _count);
        }

        _binding.Output(ZeroEngine.TokenOutput, _token);
    }

    /// <inheritdoc/>
    public MicroBatchLoss Run(bool first, bool last)
    {
        if (_isOnDevice)
        {
            Bind();
            _binding.SynchronizeInputs();
        }

        _engine.BeginMicroBatch(first, last, _bucket);
        _session.Run(_binding);
        return new MicroBatchLoss(_loss.Span<float>()[0], _count is null ? 1 : _count.Span<float>()[0]);
    }

    private void Bind()
    {
        foreach (var (name, tensor) in _inputs.Tensors)
        {
            _binding.Input(name, tensor);
        }

        foreach (var name in _bound == _engine.Updates ? [] : _parameters)
        {
            _binding.Input(name, _engine.ParameterTensor(name));
        }

        _bound = _engine.Updates;
        _microBatch.Bind(_binding, _graph);
        _divisors?.Bind(_binding, _graph);
        _states.Bind(_binding);
    }

    public void Dispose()
    {
        _binding.Dispose();
        _session.Dispose();
        _token.Dispose();
        _loss.Dispose();
        _count?.Dispose();
        _results.Dispose();
    }
}
