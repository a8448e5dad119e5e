using OrtZero.Autograd.Internal;
using OrtZero.Onnx;

namespace OrtZero.Autograd;

/// <summary>
/// What ONNX Runtime's official training takes (onnxruntime.training.artifacts.generate_artifacts): a training and an evaluation
/// graph whose parameters are inputs, the optimizer as a graph of one node, and the parameters in a checkpoint.
/// </summary>
public sealed record OfficialArtifacts
{
    /// <summary>The newest operator set the last official runtime, 1.19.2, knows.</summary>
    public const long NewestOpset = 21;

    /// <summary>Forward pass, loss, backward pass and gradient accumulation.</summary>
    public required OnnxModel Training { get; init; }

    /// <summary>Forward pass and loss.</summary>
    public required OnnxModel Evaluation { get; init; }

    /// <summary>One node that updates all parameters, or null.</summary>
    public OnnxModel? Optimizer { get; init; }

    /// <summary>The parameters.</summary>
    public required OfficialCheckpoint Checkpoint { get; init; }

    /// <summary>Builds artifacts of standard operators, com.microsoft.InPlaceAccumulatorV2 and the optimizer's own.</summary>
    /// <param name="model">The imported model; not changed.</param>
    /// <param name="values">Type and static shape of every value of the model; the artifacts are for these shapes.</param>
    /// <param name="options">What is trained, and how.</param>
    /// <exception cref="ArtifactException">A parameter or name does not fit the model, or the model is too new for the official runtime.</exception>
    /// <exception cref="GradientException">The loss does not fit the model.</exception>
    /// <exception cref="UnsupportedOperatorException">An operator has no gradient rule.</exception>
    public static OfficialArtifacts Build(OnnxModel model, ValueTable values, ArtifactOptions options)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(values);
        ArgumentNullException.ThrowIfNull(options);
        return new ArtifactBuilder(model, values, options).Build();
    }

    /// <summary>Reads artifacts, whatever their names: the files are told apart by their content.</summary>
    /// <param name="folder">The folder that holds them and nothing else of their kind.</param>
    /// <exception cref="ArtifactException">A file is missing, there twice or damaged.</exception>
    /// <exception cref="OnnxFormatException">An .onnx file in the folder is not a model.</exception>
    public static OfficialArtifacts Load(string folder)
    {
        ArgumentException.ThrowIfNullOrEmpty(folder);
        return ArtifactFolder.Load(folder);
    }

    /// <summary>
    /// The training model with its training operators written as standard ones: its trainable parameters are inputs, their gradients
    /// outputs, frozen parameters initializers; the optimizer and gradient accumulation are left to the caller.
    /// </summary>
    /// <param name="trainable">The parameters to train; the checkpoint's others are frozen. Null: all it trains.</param>
    /// <exception cref="ArtifactException">An operator has no lowering, or training model and checkpoint do not belong together.</exception>
    public TrainingGraph ToTrainingGraph(IReadOnlyCollection<string>? trainable = null) =>
        new TrainingGraphLowering(Training, trainable is null ? Checkpoint : Freeze(trainable)).Run();

    /// <summary>
    /// The evaluation model with the checkpoint's parameters as initializers. Its outputs are the loss, <see cref="AdditionalOutputs"/> and,
    /// where a standard loss operator tells them, the scores the loss is computed from.
    /// </summary>
    public OnnxModel ToForwardModel() => ForwardModel.Build(Evaluation, Checkpoint);

    /// <summary>What the training model gives beside the loss and the signs of accumulation (<c>additional_output_names</c>), in its order.</summary>
    public IReadOnlyList<string> AdditionalOutputs =>
        [.. Training.Graph.Output.Skip(1).Select(output => output.Name).Where(name => !name.EndsWith("_grad.accumulation.out", StringComparison.Ordinal))];

    /// <summary>The settings of the optimizer model's one node. Null: there is no optimizer model.</summary>
    /// <exception cref="ArtifactException">The model has none or several.</exception>
    public OfficialOptimizer? ReadOptimizer() => Optimizer is null ? null : OptimizerReader.Read(Optimizer);

    /// <summary>Writes training_model.onnx, eval_model.onnx, optimizer_model.onnx and checkpoint.</summary>
    /// <param name="folder">Where; made if it is not there.</param>
    /// <param name="prefix">What the file names begin with.</param>
    /// <param name="nominal">Whether nominal_checkpoint is written too.</param>
    /// <returns>The paths written.</returns>
    public IReadOnlyList<string> Save(string folder, string prefix = "", bool nominal = false)
    {
        ArgumentException.ThrowIfNullOrEmpty(folder);
        Directory.CreateDirectory(folder);
        var written = new List<string>();
        Training.Save(Place("training_model.onnx"));
        Evaluation.Save(Place("eval_model.onnx"));
        Optimizer?.Save(Place("optimizer_model.onnx"));
        Checkpoint.Save(Place("checkpoint"));
        if (nominal)
        {
            Checkpoint.ToNominal().Save(Place("nominal_checkpoint"));
        }

        return written;

        string Place(string name)
        {
            written.Add(Path.Combine(folder, prefix + name));
            return written[^1];
        }
    }

    private OfficialCheckpoint Freeze(IReadOnlyCollection<string> trainable) => Checkpoint with
    {
        Trainable = [.. Checkpoint.Trainable.Where(tensor => trainable.Contains(tensor.Name))],
        Frozen = [.. Checkpoint.Frozen, .. Checkpoint.Trainable.Where(tensor => !trainable.Contains(tensor.Name))],
    };
}
