using OrtZero.Autograd;
using OrtZero.Kernels;
using OrtZero.Onnx;
using OrtZero.Runtime;
using OrtZero.Sharding;

namespace OrtZero.Training.Internal;

/// <summary>A session of a training graph with all its memory bound once.</summary>
internal sealed class TrainingSession : IDisposable
{
    private const int Alignment = 64;

    private readonly AlignedBuffer _results = new(3 * Alignment);
    private readonly OrtTensor _loss;
    private readonly OrtTensor _token;
    private readonly OrtTensor? _count;
    private readonly OrtSession _session;
    private readonly OrtBinding _binding;

    internal TrainingSession(TrainingMaterials materials, ZeroEngine engine, TrainingGraph graph, InputBuffers inputs, CarriedStates states)
    {
        using var domain = KernelLibrary.CreateDomain(materials.Environment);
        foreach (var custom in engine.Operators)
        {
            domain.Add(custom);
        }

        using var options = SessionSettings.ForTraining(materials.Environment, materials.Configuration, engine.Communicator);
        options.DisableOptimizers([.. TrainingGraph.DisabledOptimizers]);
        options.AddCustomOperators(domain);
        _session = OrtSession.Open(materials.Environment, graph.Model, options);
        _binding = _session.CreateBinding();
        foreach (var (name, tensor) in inputs.Tensors)
        {
            _binding.Input(name, tensor);
        }

        foreach (var parameter in graph.Parameters.Where(parameter => !engine.IsGathered(parameter.Name)))
        {
            _binding.Input(parameter.Name, engine.ParameterTensor(parameter.Name));
        }

        _loss = OrtTensor.Wrap(_results, 0, TensorElementType.Float, []);
        _token = OrtTensor.Wrap(_results, Alignment, TensorElementType.Float, []);
        states.Bind(_binding);
        _binding.Output(graph.LossName, _loss);
        if (graph.CountName is { } count)
        {
            _count = OrtTensor.Wrap(_results, 2 * Alignment, TensorElementType.Float, []);
            _binding.Output(count, _count);
        }

        _binding.Output(ZeroEngine.TokenOutput, _token);
    }

    /// <summary>Runs the graph on what the bound inputs hold.</summary>
    /// <returns>The loss, with what it is to be divided by.</returns>
    internal MicroBatchLoss Run()
    {
        _session.Run(_binding);
        return new MicroBatchLoss(_loss.Span<float>()[0], _count is null ? 1 : _count.Span<float>()[0]);
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
