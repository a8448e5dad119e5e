using Microsoft.Extensions.Logging;
using OrtZero.Autograd;
using OrtZero.Kernels;
using OrtZero.Mpi;
using OrtZero.Onnx;
using OrtZero.Runtime;
using OrtZero.Sharding;

namespace OrtZero.Training.Internal;

/// <summary>Runs the training graph on this rank's micro-batches, over buffers that are bound once.</summary>
internal sealed class Trainer : IDisposable
{
    private readonly TrainingMaterials _materials;
    private readonly InputBuffers _inputs;
    private readonly AlignedBuffer _results = new(2 * Alignment);
    private readonly OrtTensor _loss;
    private readonly OrtTensor _token;
    private readonly OrtSession _session;
    private readonly OrtBinding _binding;
    private readonly int[] _samples;

    private const int Alignment = 64;

    private Trainer(TrainingMaterials materials, ZeroEngine engine, TrainingGraph graph)
    {
        _materials = materials;
        Engine = engine;
        var configuration = materials.Configuration;
        var fed = graph.ModelInputs.ToHashSet(StringComparer.Ordinal);
        if (graph.LabelsInput is { } labels)
        {
            fed.Add(labels);
        }

        _inputs = new InputBuffers(materials.Train, materials.InputsOf(materials.Train), fed, configuration.MicroBatchSize, materials.Labels);
        _samples = new int[configuration.MicroBatchSize];
        using var domain = KernelLibrary.CreateDomain(materials.Environment);
        foreach (var custom in engine.Operators)
        {
            domain.Add(custom);
        }

        using var options = SessionSettings.ForTraining(materials.Environment, configuration, engine.Communicator);
        options.DisableOptimizers([.. TrainingGraph.DisabledOptimizers]);
        options.AddCustomOperators(domain);
        _session = OrtSession.Open(materials.Environment, graph.Model, options);
        _binding = _session.CreateBinding();
        foreach (var (name, tensor) in _inputs.Tensors)
        {
            _binding.Input(name, tensor);
        }

        foreach (var parameter in graph.Parameters.Where(parameter => !engine.IsGathered(parameter.Name)))
        {
            _binding.Input(parameter.Name, engine.ParameterTensor(parameter.Name));
        }

        _loss = OrtTensor.Wrap(_results, 0, TensorElementType.Float, []);
        _token = OrtTensor.Wrap(_results, Alignment, TensorElementType.Float, []);
        States = new CarriedStates(graph.States, materials.Model);
        States.Bind(_binding);
        _binding.Output(graph.LossName, _loss);
        _binding.Output(ZeroEngine.TokenOutput, _token);
        Evaluator = materials.Validation is null ? null : new Evaluator(materials, engine, States);
        Captions = Evaluator is null ? null : CaptionWriter.Create(materials, Evaluator);
    }

    internal ZeroEngine Engine { get; }

    /// <summary>Running statistics of batch normalizations.</summary>
    internal CarriedStates States { get; }

    internal Evaluator? Evaluator { get; }

    internal CaptionWriter? Captions { get; }

    /// <summary>Collective; every rank must have its materials ready.</summary>
    internal static Trainer Open(TrainingMaterials materials, ICommunicator communicator, ILogger logger)
    {
        var configuration = materials.Configuration;
        var zero = SettingsMapping.Zero(configuration.ZeroOptimization, configuration.Randomness);
        var parameters = materials.Graph.Parameters.Select(parameter => (parameter.Name, parameter.Shape)).ToList();
        var plan = PartitionPlan.Create(materials.Graph, communicator.Size, zero);
        var engine = new ZeroEngine(plan, materials.Prepared.Groups, communicator, zero, logger);
        try
        {
            foreach (var (name, _) in parameters)
            {
                engine.LoadParameter(name, materials.Prepared.Model.Graph.FindInitializer(name)!.ToSingles());
            }

            engine.BroadcastParameters();
            var graph = engine.AttachReduceGrad(materials.Graph);
            return RankAgreement.Run(communicator, () => new Trainer(materials, engine, graph));
        }
        catch
        {
            engine.Dispose();
            throw;
        }
    }

    /// <summary>Runs one micro-batch: its gradients go into the update, its loss is returned.</summary>
    internal float RunMicroBatch(int epoch, int positionInEpoch, bool first, bool last)
    {
        _materials.Sampler.Indices(epoch, positionInEpoch, _samples);
        _inputs.Fill(_samples);
        Engine.BeginMicroBatch(first, last);
        _session.Run(_binding);
        States.Advance();
        return _loss.Span<float>()[0];
    }

    public void Dispose()
    {
        Evaluator?.Dispose();
        _binding.Dispose();
        _session.Dispose();
        States.Dispose();
        _token.Dispose();
        _loss.Dispose();
        _results.Dispose();
        _inputs.Dispose();
        Engine.Dispose();
    }
}
