using System.Text.Json.Serialization;
using OrtZero.Autograd;
using OrtZero.Training.Internal;

namespace OrtZero.Training;

/// <summary>
/// Everything one training run is told: cfg.json, read, checked and immutable. The names of the keys are the property names
/// in snake case; they are MMEngine's for the loop and the optimizer and DeepSpeed's for sharding.
/// </summary>
public sealed record TrainingConfiguration
{
    /// <summary>The JSON schema an editor may use to complete and check the file. Has no effect on training. Null: none named.</summary>
    [JsonPropertyName("$schema")]
    public string? Schema { get; init; }

    /// <summary>The model to train and what is minimized. Required.</summary>
    public required ModelSection Model { get; init; }

    /// <summary>The arrays to train and validate on. Required.</summary>
    public required DataSection Data { get; init; }

    /// <summary>How long to train and how often to validate. Required.</summary>
    public required TrainSection TrainCfg { get; init; }

    /// <summary>Samples per micro-batch and rank: what one run of the graph sees. Required.</summary>
    [Limits(AtLeast = 1)]
    public required int MicroBatchSize { get; init; }

    /// <summary>The optimizer, accumulation, clipping and per-parameter settings. Required unless model.artifacts is given.</summary>
    [FromArtifacts]
    public required OptimWrapperSection OptimWrapper { get; init; }

    /// <summary>
    /// The schedules of the learning rate, applied in this order; one object stands for a list of one. Default: none, every group
    /// keeps its rate.
    /// </summary>
    public IReadOnlyList<SchedulerOptions> ParamScheduler { get; init; } = [];

    /// <summary>Stretches of the run that train only some of the parameters, in order. Default: none, all are trained all the time.</summary>
    public IReadOnlyList<PhaseSection> Phases { get; init; } = [];

    /// <summary>Ends training when validation gets no better. Null: it goes on to its end.</summary>
    public EarlyStoppingSection? EarlyStopping { get; init; }

    /// <summary>A moving average of the weights, used for evaluation and export. Null: none.</summary>
    public AverageSection? Ema { get; init; }

    /// <summary>ZeRO sharding. Default: stage 0, nothing sharded.</summary>
    public ZeroOptimizationSection ZeroOptimization { get; init; } = new();

    /// <summary>Seed and reproducibility. Default: seed 0, not deterministic.</summary>
    public RandomnessSection Randomness { get; init; } = new();

    /// <summary>Passes over the training graph. Default: none.</summary>
    public GraphSection Graph { get; init; } = new();

    /// <summary>The execution provider and its threads. Default: the CPU.</summary>
    public ExecutionSection Execution { get; init; } = new();

    /// <summary>When checkpoints are written and which one is resumed. Default: none is written, none is resumed.</summary>
    public CheckpointSection Checkpoint { get; init; } = new();

    /// <summary>Where the coordinator is. Default: embedded in rank 0.</summary>
    public CoordinatorSection Coordinator { get; init; } = new();

    /// <summary>What is logged, and how often. Default: every 10 iterations to metrics.jsonl.</summary>
    public LogSection Log { get; init; } = new();

    /// <summary>What validation measures besides the loss. Default: token accuracy where the loss is a cross-entropy.</summary>
    public EvaluationSection Evaluation { get; init; } = new();

    /// <summary>
    /// The folder for metrics, checkpoints and the trained model; made if it is not there. A relative path is taken from the
    /// folder of cfg.json. Default: "work".
    /// </summary>
    [FilePath]
    public string WorkDir { get; init; } = "work";

    /// <summary>The absolute path of the file this was read from. Not a key.</summary>
    [JsonIgnore]
    public string Path { get; init; } = "";

    /// <summary>
    /// What deserves the user's attention although it is allowed, one sentence each: keys accepted for the sake of pasted
    /// sections that have no effect here. Not a key.
    /// </summary>
    [JsonIgnore]
    public IReadOnlyList<string> Warnings { get; init; } = [];

    /// <summary>Reads and checks a configuration.</summary>
    /// <param name="path">cfg.json. Comments and trailing commas are allowed.</param>
    /// <param name="overrides">
    /// Changes made before checking, each <c>path.to.key=value</c>; see <see cref="ConfigurationOverride"/> for the syntax.
    /// </param>
    /// <exception cref="ConfigurationException">The file or an override has mistakes; all of them are listed.</exception>
    public static TrainingConfiguration Load(string path, IReadOnlyList<string>? overrides = null) =>
        ConfigurationLoader.Load(path, overrides ?? []);

    /// <summary>
    /// Reads a file as <see cref="Load"/> does, for those who look at the model and its optimizer only: mistakes of the sections
    /// about data, loss and loop are passed over, and those sections may be null.
    /// </summary>
    /// <exception cref="ConfigurationException">The file or a change to it has mistakes in the other sections.</exception>
    public static TrainingConfiguration LoadForModel(string path, IReadOnlyList<string>? overrides = null) => ConfigurationLoader.Load(
        path, overrides ?? [], "data", "train_cfg", "micro_batch_size", "model.loss", "param_scheduler", "evaluation");

    /// <summary>Reads <c>model.loss</c> of a file, whatever its other sections say.</summary>
    /// <exception cref="ConfigurationException">The file has no loss, or mistakes in it.</exception>
    public static LossOptions LoadLoss(string path)
    {
        var sections = ConfigurationLoader.Load(
            path, [], "data", "train_cfg", "micro_batch_size", "param_scheduler", "evaluation", "optim_wrapper", "zero_optimization", "model.path").Model.Loss;
        return sections is { Count: > 0 }
            ? SettingsMapping.Loss(sections)
            : throw new ConfigurationException([$"{path} has no model.loss: write one, such as {{ \"type\": \"mse\", \"output\": \"y\", \"labels\": \"target\" }}."]);
    }
}
