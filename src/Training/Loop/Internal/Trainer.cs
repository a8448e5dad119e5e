using Microsoft.Extensions.Logging;
using OrtZero.Mpi;
using OrtZero.Onnx;
using OrtZero.Sharding;

namespace OrtZero.Training.Internal;

/// <summary>Runs the training graph on this rank's micro-batches, over buffers that are bound once.</summary>
internal sealed class Trainer : IDisposable
{
    private readonly TrainingMaterials _materials;
    private readonly InputBuffers _inputs;
    private readonly int[] _samples;
    private TrainingSession? _session;

    private Trainer(TrainingMaterials materials, ZeroEngine engine)
    {
        _materials = materials;
        Engine = engine;
        var configuration = materials.Configuration;
        _inputs = materials.Buffers(materials.Train, [.. materials.Graph.ModelInputs, .. materials.Graph.LabelInputs]);
        _samples = new int[configuration.MicroBatchSize];
        States = new CarriedStates(materials.Graph.States, materials.Model);
        Evaluator = materials.Validation is null ? null : new Evaluator(materials, engine, States);
        Captions = Evaluator is null ? null : CaptionWriter.Create(materials, Evaluator);
    }

    internal ZeroEngine Engine { get; }

    /// <summary>Running statistics of batch normalizations.</summary>
    internal CarriedStates States { get; }

    internal Evaluator? Evaluator { get; }

    internal CaptionWriter? Captions { get; }

    /// <summary>Collective; every rank must have its materials ready. <see cref="Enter"/> must follow.</summary>
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
            return RankAgreement.Run(communicator, () => new Trainer(materials, engine));
        }
        catch
        {
            engine.Dispose();
            throw;
        }
    }

    /// <summary>
    /// Trains these parameters from now on: the graph is cut down to their gradients, and the session of the one before is closed
    /// before its own is opened, so that no two are in memory. Between updates. Collective.
    /// </summary>
    internal void Enter(IReadOnlyList<string> trained)
    {
        _session?.Dispose();
        _session = null;
        Engine.Train(trained);
        var graph = Engine.AttachReduceGrad(_materials.Graph);
        _session = RankAgreement.Run(Engine.Communicator, () => new TrainingSession(_materials, Engine, graph, _inputs, States));
    }

    /// <summary>Runs one micro-batch: its gradients go into the update, its loss is returned with what it is to be divided by.</summary>
    internal MicroBatchLoss RunMicroBatch(int epoch, int positionInEpoch, bool first, bool last)
    {
        _materials.Sampler.Indices(epoch, positionInEpoch, _samples);
        _inputs.Fill(_samples);
        Engine.BeginMicroBatch(first, last);
        var loss = _session!.Run();
        States.Advance();
        return loss;
    }

    public void Dispose()
    {
        Evaluator?.Dispose();
        _session?.Dispose();
        States.Dispose();
        _inputs.Dispose();
        Engine.Dispose();
    }
}
