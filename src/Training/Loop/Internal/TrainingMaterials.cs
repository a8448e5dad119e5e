using OrtZero.Autograd;
using OrtZero.Mpi;
using OrtZero.Onnx;
using OrtZero.Runtime;

namespace OrtZero.Training.Internal;

/// <summary>
/// What a rank can make ready on its own, before anything is said between ranks: the runtime, the data and the training graph.
/// </summary>
internal sealed class TrainingMaterials : IDisposable
{
    private TrainingMaterials(TrainingConfiguration configuration, PreparedModel prepared, Dataset train)
    {
        Configuration = configuration;
        Prepared = prepared;
        Train = train;
        Loss = SettingsMapping.Loss(configuration.Model.Loss);
        Environment = new OrtEnvironment(OrtLibrary.Load());
    }

    internal TrainingConfiguration Configuration { get; }

    internal PreparedModel Prepared { get; }

    internal OrtEnvironment Environment { get; }

    internal LossOptions Loss { get; }

    internal Dataset Train { get; }

    internal Dataset? Validation { get; private set; }

    /// <summary>The forward model for the configured micro-batch size.</summary>
    internal OnnxModel Model { get; private set; } = null!;

    /// <summary>The exact shape and type of every value of the model for one micro-batch.</summary>
    internal ValueTable? Values { get; private set; }

    internal TrainingGraph Graph { get; private set; } = null!;

    internal BatchSampler Sampler { get; private set; } = null!;

    /// <summary>The loss whose scores predict classes, the first of several. Null: there is none.</summary>
    internal LossOptions? Classification => LabelInputs.Terms(Loss).FirstOrDefault(term => term.Type == LossType.CrossEntropy);

    /// <summary>What validation measures.</summary>
    internal EvaluationMetric Metric => Configuration.Evaluation.Metric
        ?? (Classification is null ? EvaluationMetric.None : EvaluationMetric.TokenAccuracy);

    /// <summary>Memory for micro-batches of a data section, which must feed the model's inputs and the labels and nothing else.</summary>
    /// <param name="dataset">The samples.</param>
    /// <param name="used">The inputs that are wanted.</param>
    internal InputBuffers Buffers(Dataset dataset, IReadOnlyCollection<string> used)
    {
        var size = Configuration.MicroBatchSize;
        // The labels' shapes follow from the scores', which the first micro-batch tells; until then they are the data's own.
        var labels = LabelInputs.Of(Loss, Model, Values, dataset, size);
        return new InputBuffers(dataset, [.. BatchAxis.Inputs(Model, size), .. labels.Inputs], used, size, labels.Rules, labels.Shapes);
    }

    /// <summary>Memory for micro-batches of all inputs of a data section.</summary>
    internal InputBuffers Buffers(Dataset dataset) => Buffers(dataset, [.. dataset.Fields.Keys]);

    internal static TrainingMaterials Load(TrainingConfiguration configuration, PreparedModel prepared, ICommunicator communicator)
    {
        if (configuration.Execution.Provider != ExecutionProvider.Cpu)
        {
            throw new ConfigurationException(
                [$"{configuration.Path}: execution.provider {configuration.Execution.Provider} is not in this version, which trains on the CPU: set it to \"cpu\"."]);
        }

        var materials = new TrainingMaterials(configuration, prepared, Dataset.Open(configuration.Data.Train, "data.train"));
        try
        {
            materials.Fill(communicator);
            return materials;
        }
        catch
        {
            materials.Dispose();
            throw;
        }
    }

    public void Dispose()
    {
        Train.Dispose();
        Validation?.Dispose();
        Environment.Dispose();
    }

    private void Fill(ICommunicator communicator)
    {
        if (Configuration.Data.Val is { } section)
        {
            Validation = Dataset.Open(section, "data.val");
        }

        Sampler = new BatchSampler(
            Train.Count, communicator.Size, communicator.Rank, Configuration.MicroBatchSize,
            Configuration.Data.Train.Shuffle, Configuration.Randomness.Seed, Configuration.Data.Train.DropLast);
        Model = BatchAxis.Fit(Prepared.Model, Configuration.MicroBatchSize);
        Values = Probe();
        Graph = Prepared.Artifacts is { } artifacts ? Lowered(artifacts) : Built();
    }

    private TrainingGraph Built()
    {
        // What the data gets wrong about labels is said in its words before the graph says it in its own.
        LabelInputs.Of(Loss, Model, Values, Train, Configuration.MicroBatchSize);
        return new TrainingGraphBuilder().Build(Model, Values!, Loss, [.. Prepared.Trainable]);
    }

    private TrainingGraph Lowered(OfficialArtifacts artifacts)
    {
        var graph = artifacts.ToTrainingGraph(Prepared.Trainable);
        foreach (var input in graph.Model.Graph.Input.Where(input => graph.ModelInputs.Contains(input.Name)))
        {
            if (input.Shape() is [> 0 and var length, ..] && length != Configuration.MicroBatchSize)
            {
                throw new ArtifactException(
                    $"{artifacts.Training.Path} takes micro-batches of {length} samples, and micro_batch_size is {Configuration.MicroBatchSize}: set it to {length}.");
            }
        }

        return graph;
    }

    // One micro-batch through the model with every value as an output: what no static inference finds out.
    private ValueTable Probe()
    {
        var fed = BatchAxis.Inputs(Model, Configuration.MicroBatchSize).Select(input => input.Name).ToHashSet(StringComparer.Ordinal);
        using var inputs = Buffers(Train, fed);
        var first = Enumerable.Range(0, Configuration.MicroBatchSize).Select(index => index % Train.Count).ToArray();
        inputs.Fill(first);
        try
        {
            return ModelProbe.Describe(Environment, Model, inputs.Tensors);
        }
        catch (OrtException exception)
        {
            throw new OnnxFormatException($"{Configuration.Model.Path} {Explain(exception.Message)}", exception);
        }
    }

    // ONNX Runtime has one error code for all that can be wrong with a model; only its words tell an unknown operator.
    private string Explain(string message) =>
        message.Contains("No Op registered for", StringComparison.Ordinal)
        || message.Contains("is not a registered function/op", StringComparison.Ordinal)
            ? $"has an operator that ONNX Runtime {OrtLibrary.Load().Version} does not have; export the model with operators of the ONNX standard: {message}"
            : $"does not run on {Configuration.MicroBatchSize} samples of data.train: {message}";
}
