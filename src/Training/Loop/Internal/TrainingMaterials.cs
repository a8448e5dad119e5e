using Microsoft.Extensions.Logging;
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
    private readonly Dictionary<Dataset, ValueTable> _values = [];

    private TrainingMaterials(TrainingConfiguration configuration, PreparedModel prepared, IReadOnlyList<Dataset> train)
    {
        Provider = ChosenProvider.OfCpu;
        Configuration = configuration;
        Prepared = prepared;
        Train = train;
        Loss = SettingsMapping.Loss(configuration.Model.Loss);
        Environment = new OrtEnvironment(OrtLibrary.Load());
    }

    internal TrainingConfiguration Configuration { get; }

    internal PreparedModel Prepared { get; }

    internal OrtEnvironment Environment { get; }

    /// <summary>What runs the sessions.</summary>
    internal ChosenProvider Provider { get; private set; }

    /// <summary>How graphs are written for the provider.</summary>
    internal GradientOptions GradientOptions => new() { FusedKernels = Provider.IsCpu, Target = Provider.Target };

    internal LossOptions Loss { get; }

    /// <summary>The samples to train on, a data set for each length of them.</summary>
    internal IReadOnlyList<Dataset> Train { get; }

    /// <summary>The samples to validate on, a data set for each length of them. Null: there are none.</summary>
    internal IReadOnlyList<Dataset>? Validation { get; private set; }

    /// <summary>The forward model for the configured micro-batch size.</summary>
    internal OnnxModel Model { get; private set; } = null!;

    /// <summary>The exact shape and type of every value of the model for one micro-batch of the longest samples.</summary>
    internal ValueTable Values => _values[Longest];

    /// <summary>A training graph for each of <see cref="Train"/>, over the same parameters.</summary>
    internal IReadOnlyList<TrainingGraph> Graphs { get; private set; } = null!;

    /// <summary>The training graph for the longest samples.</summary>
    internal TrainingGraph Graph => Graphs[Train.ToList().IndexOf(Longest)];

    internal BucketSampler Sampler { get; private set; } = null!;

    /// <summary>What passes over the graphs did.</summary>
    internal List<string> Notes { get; } = [];

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
        var labels = LabelInputs.Of(Loss, Model, _values.GetValueOrDefault(dataset), dataset, size);
        return new InputBuffers(dataset, [.. BatchAxis.Inputs(Model, size), .. labels.Inputs], used, size, labels.Rules, labels.Shapes);
    }

    /// <summary>Memory for micro-batches of all inputs of a data section.</summary>
    internal InputBuffers Buffers(Dataset dataset) => Buffers(dataset, [.. dataset.Fields.Keys]);

    /// <param name="configuration">What to train.</param>
    /// <param name="prepared">Its model.</param>
    /// <param name="communicator">The ranks.</param>
    /// <param name="logger">Who hears which provider was chosen. Null: nothing will run there, and the CPU's graph serves.</param>
    internal static TrainingMaterials Load(
        TrainingConfiguration configuration, PreparedModel prepared, ICommunicator communicator, ILogger? logger)
    {
        var materials = new TrainingMaterials(configuration, prepared, Dataset.OpenBuckets(configuration.Data.Train, "data.train"));
        try
        {
            if (logger is not null)
            {
                materials.Provider = ChosenProvider.Choose(configuration, materials.Environment, communicator, logger);
            }

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
        foreach (var dataset in Train.Concat(Validation ?? []))
        {
            dataset.Dispose();
        }

        Environment.Dispose();
    }

    private Dataset Longest => Train.MaxBy(dataset => dataset.SampleElements)!;

    private void Fill(ICommunicator communicator)
    {
        if (Configuration.Data.Val is { } section)
        {
            Validation = Dataset.OpenBuckets(section, "data.val");
        }

        Sampler = new BucketSampler(
            [.. Train.Select(dataset => dataset.Count)], communicator.Size, communicator.Rank, Configuration.MicroBatchSize,
            Configuration.Data.Train.Shuffle, Configuration.Randomness.Seed, Configuration.Data.Train.DropLast,
            Configuration.OptimWrapper.AccumulativeCounts);
        Model = BatchAxis.Fit(Prepared.Model, Configuration.MicroBatchSize);
        foreach (var dataset in Train.Concat(Validation ?? []))
        {
            _values.Add(dataset, _values.FirstOrDefault(known => dataset.HasShapesOf(known.Key)).Value ?? Probe(dataset));
        }

        var isSparse = Prepared.Artifacts is null && LabelSparsitySettings.IsWanted(this);
        IEnumerable<TrainingGraph> graphs = Prepared.Artifacts is { } artifacts ? [Lowered(artifacts)] : Train.Select(dataset => Built(dataset, isSparse));
        Graphs = [.. graphs];
        if (Prepared.Artifacts is null)
        {
            LabelSparsitySettings.Describe(this, Graph);
        }

        Graphs = [.. Graphs.Select(graph => GraphPasses.Apply(graph, Configuration, GradientOptions, Notes))];
    }

    private TrainingGraph Built(Dataset dataset, bool isSparse)
    {
        // What the data gets wrong about labels is said in its words before the graph says it in its own.
        LabelInputs.Of(Loss, Model, _values[dataset], dataset, Configuration.MicroBatchSize);
        var options = GradientOptions with { Dropout = DropoutSettings.Of(Configuration, Prepared), SparseLabels = isSparse };
        return new TrainingGraphBuilder(options).Build(Model, _values[dataset], Loss, [.. Prepared.Trainable]);
    }

    private TrainingGraph Lowered(OfficialArtifacts artifacts)
    {
        if (Train.Count > 1)
        {
            throw new ArtifactException($"{artifacts.Training.Path} is for samples of one length, but data.train.fields lists {Train.Count}: give one array per field, or train the forward model (model.path).");
        }

        DropoutSettings.RequireNone(Configuration);
        LabelSparsitySettings.RequireNone(Configuration);
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
    private ValueTable Probe(Dataset dataset)
    {
        var fed = BatchAxis.Inputs(Model, Configuration.MicroBatchSize).Select(input => input.Name).ToHashSet(StringComparer.Ordinal);
        using var inputs = Buffers(dataset, fed);
        var first = Enumerable.Range(0, Configuration.MicroBatchSize).Select(index => index % dataset.Count).ToArray();
        inputs.Fill(first);
        try
        {
            return ModelProbe.Describe(Environment, Model, inputs.Tensors);
        }
        catch (OrtException exception)
        {
            throw new OnnxFormatException($"{Configuration.Model.Path} {Explain(dataset, exception.Message)}", exception);
        }
    }

    // ONNX Runtime has one error code for all that can be wrong with a model; only its words tell an unknown operator.
    private string Explain(Dataset dataset, string message) =>
        message.Contains("No Op registered for", StringComparison.Ordinal)
        || message.Contains("is not a registered function/op", StringComparison.Ordinal)
            ? $"has an operator that ONNX Runtime {OrtLibrary.Load().Version} does not have; export the model with operators of the ONNX standard: {message}"
            : $"does not run on {Configuration.MicroBatchSize} samples of {dataset.Name}{(Train.Count > 1 ? $" ({dataset.Fields.Values.First().Array.Name})" : "")}: {message}";
}
