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
    internal ValueTable Values { get; private set; } = null!;

    internal TrainingGraph Graph { get; private set; } = null!;

    internal BatchSampler Sampler { get; private set; } = null!;

    /// <summary>Which labels the loss accepts. Null: it takes any.</summary>
    internal LabelRule? Labels => Loss is { Type: LossType.CrossEntropy, Labels: { } labels }
        ? new LabelRule(labels, Values[Loss.Output].Shape[^1], Loss.IgnoreIndex)
        : null;

    /// <summary>What validation measures.</summary>
    internal EvaluationMetric Metric => Configuration.Evaluation.Metric
        ?? (Loss.Type == LossType.CrossEntropy ? EvaluationMetric.TokenAccuracy : EvaluationMetric.None);

    /// <summary>Everything a data section has to feed: the model's inputs and, where the loss takes them, the labels.</summary>
    internal IReadOnlyList<ValueDescription> InputsOf(Dataset dataset)
    {
        var inputs = BatchAxis.Inputs(Model, Configuration.MicroBatchSize);
        if (Loss.Labels is not { } labels || inputs.Any(input => input.Name == labels))
        {
            return inputs;
        }

        // The labels' shape follows from the scores', which the first micro-batch tells; until then it is the data's own.
        if (!dataset.Fields.TryGetValue(labels, out var field))
        {
            throw new DataException($"model.loss.labels is \"{labels}\", but {dataset.Name}.fields has no such field: add it there.");
        }

        var type = Loss.Type == LossType.CrossEntropy ? TensorElementType.Int64 : TensorElementType.Float;
        return [.. inputs, new ValueDescription(labels, type, [Configuration.MicroBatchSize, .. field.SampleShape])];
    }

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
        Graph = Prepared.Artifacts is { } artifacts ? Lowered(artifacts) : new TrainingGraphBuilder().Build(Model, Values, Loss, [.. Prepared.Trainable]);
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
        using var inputs = new InputBuffers(Train, InputsOf(Train), fed, Configuration.MicroBatchSize, labels: null);
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
