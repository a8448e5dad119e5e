using System.Diagnostics;
using Microsoft.Extensions.Logging;
using OrtZero.Mpi;
using OrtZero.Onnx;
using OrtZero.Runtime;
using OrtZero.Sharding;

namespace OrtZero.Training.Internal;

/// <summary>Runs the training graph on this rank's micro-batches, over buffers that are bound once.</summary>
internal sealed class Trainer : IDisposable
{
    private readonly TrainingMaterials _materials;
    private readonly InputBuffers[] _inputs;
    private readonly int[] _samples;
    private readonly MicroBatchIndex _microBatch = new();
    private readonly LossDivisors? _divisors;
    private ITrainingSession[] _sessions = [];

    private Trainer(TrainingMaterials materials, ZeroEngine engine)
    {
        _materials = materials;
        Engine = engine;
        var configuration = materials.Configuration;
        _inputs = [.. materials.Train.Zip(materials.Graphs, (data, graph) => materials.Buffers(data, [.. graph.ModelInputs, .. graph.LabelInputs]))];
        _samples = new int[configuration.MicroBatchSize];
        _divisors = LossDivisors.Create(materials, engine.Communicator);
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
                engine.LoadParameter(name, LoadingMemory.Singles(materials.Prepared.Model.Graph.FindInitializer(name)!));
            }

            LoadingMemory.Release(materials.Prepared.ParameterBytes);
            engine.BroadcastParameters();
            if (configuration.Log.WatchDistance)
            {
                // Before a checkpoint is resumed: the start is the model file.
                engine.KeepStart();
            }

            if (configuration.Ema is not null)
            {
                engine.BeginAverage();
            }

            return RankAgreement.Run(communicator, () => new Trainer(materials, engine));
        }
        catch
        {
            engine.Dispose();
            throw;
        }
    }

    /// <summary>
    /// Trains these parameters from now on: the graphs are cut down to their gradients, and the sessions of those before are
    /// closed before their own are opened, so that not both are in memory. Between updates. Collective.
    /// </summary>
    internal void Enter(IReadOnlyList<string> trained)
    {
        CloseSessions();
        Engine.Train(trained);
        if (_materials.Provider.IsCpu || _materials.Configuration.ZeroOptimization.Stage == 3)
        {
            var graphs = Engine.AttachAll(_materials.Graphs);
            _sessions = RankAgreement.Run(Engine.Communicator, () =>
                graphs.Select((graph, bucket) => new TrainingSession(_materials, Engine, graph, bucket, _inputs[bucket], States, _microBatch, _divisors)).ToArray());
        }
        else
        {
            _sessions = RankAgreement.Run(Engine.Communicator, () =>
                _materials.Graphs.Select((graph, bucket) => new DeviceSession(_materials, Engine, graph, trained, _inputs[bucket], States, _microBatch, _divisors)).ToArray());
        }
    }

    /// <summary>Must be told of every update before its first micro-batch runs. Collective.</summary>
    internal void BeginUpdate(IterationPlan plan, long iteration) => _divisors?.Begin(plan, iteration);

    /// <summary>Runs one micro-batch: its gradients go into the update, its loss is returned with what it is to be divided by.</summary>
    internal MicroBatchLoss RunMicroBatch(long iteration, int epoch, int positionInEpoch, bool first, bool last)
    {
        var started = Stopwatch.GetTimestamp();
        var bucket = Fill(iteration, epoch, positionInEpoch);
        Engine.Trace?.Add(TraceActivity.Data, started);
        var running = Stopwatch.GetTimestamp();
        var loss = _sessions[bucket].Run(first, last);
        Engine.Trace?.Add(TraceActivity.Run, running);
        States.Advance();
        return _divisors?.Weigh(loss) ?? loss;
    }

    /// <summary>
    /// Runs one micro-batch again to see from which operator a loss or gradient that is not finite comes; parameters must be as it found
    /// them. Only in a single process.
    /// </summary>
    /// <returns>Sentences that name it; null when all is finite.</returns>
    internal string? FindNonFinite(long iteration, int epoch, int positionInEpoch)
    {
        var bucket = Fill(iteration, epoch, positionInEpoch);
        var graph = _materials.Graphs[bucket];
        var inputs = new Dictionary<string, OrtTensor>(_inputs[bucket].Tensors.Concat(States.Tensors), StringComparer.Ordinal);
        foreach (var parameter in graph.Parameters)
        {
            inputs[parameter.Name] = Engine.ParameterTensor(parameter.Name);
        }

        if (graph.MicroBatchInput is { } index)
        {
            inputs[index] = _microBatch.Tensor;
        }

        var search = new NonFiniteSearch(_materials.Environment, graph, inputs, name =>
            _inputs[bucket].Tensors.ContainsKey(name) ? $"the input '{name}' (samples {string.Join(", ", _samples)} of {_materials.Train[bucket].Name}.fields.{name})"
            : Engine.Plan.TryIndexOf(name, out _) ? $"the parameter '{name}'"
            : $"'{name}'");
        return search.Find();
    }

    public void Dispose()
    {
        Evaluator?.Dispose();
        CloseSessions();
        States.Dispose();
        _microBatch.Dispose();
        _divisors?.Dispose();
        foreach (var inputs in _inputs)
        {
            inputs.Dispose();
        }

        Engine.Dispose();
    }

    /// <returns>The bucket that the micro-batch comes from.</returns>
    private int Fill(long iteration, int epoch, int positionInEpoch)
    {
        var bucket = _materials.Sampler.Indices(epoch, positionInEpoch, _samples);
        _inputs[bucket].Fill(_samples);
        _microBatch.Set((iteration * Engine.Communicator.Size) + Engine.Communicator.Rank);
        return bucket;
    }

    private void CloseSessions()
    {
        foreach (var session in _sessions)
        {
            session.Dispose();
        }

        _sessions = [];
    }
}
