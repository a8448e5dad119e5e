using OrtZero.Onnx;

namespace OrtZero.Autograd;

/// <summary>
/// Forward pass, loss and backward pass in one model. Graph inputs: those of the original model (static shapes), the labels, then every
/// trainable parameter. Graph outputs: the loss (a scalar) and one gradient per trainable parameter. Everything else, frozen parameters
/// included, is an initializer.
/// </summary>
public sealed record TrainingGraph
{
    /// <summary>
    /// The session optimizers that must be off for a training graph: the first removes Dropout although training needs it, the second
    /// merges values that a graph pass recomputes on purpose.
    /// </summary>
    public static IReadOnlyList<string> DisabledOptimizers { get; } = ["EliminateDropout", "CommonSubexpressionElimination"];

    /// <summary>The model to run.</summary>
    public required OnnxModel Model { get; init; }

    /// <summary>The inputs of the original model that the loss depends on, in the model's order, without labels and parameters.</summary>
    public required IReadOnlyList<string> ModelInputs { get; init; }

    /// <summary>The graph input for labels, or <c>null</c> where the model computes its own loss.</summary>
    public required string? LabelsInput { get; init; }

    /// <summary>The trainable parameters in the order asked for, which is also the order of their graph inputs and outputs.</summary>
    public required IReadOnlyList<TrainableParameter> Parameters { get; init; }

    /// <summary>
    /// Frozen parameters that are graph inputs and so must be fed. <see cref="TrainingGraphBuilder"/> keeps frozen parameters as
    /// initializers and leaves this empty; graph passes and imported training artifacts may not.
    /// </summary>
    public IReadOnlyList<string> FrozenInputs { get; init; } = [];

    /// <summary>Type and static shape of what the nodes compute, for estimates, -1 for the number of rows whose label counts; gradients are described by <see cref="Parameters"/>. Null:
    /// not known, as of imported graphs.</summary>
    public ValueTable? Values { get; init; }

    /// <summary>The graph output that holds the loss, a scalar.</summary>
    public required string LossName { get; init; }

    /// <summary>What the graph carries from run to run besides parameters: the running statistics of batch normalizations in training mode.</summary>
    public IReadOnlyList<StateUpdate> States { get; init; } = [];

    /// <summary>All graph inputs for labels, those of <see cref="LossOptions.Others"/> behind <see cref="LabelsInput"/>.</summary>
    public IReadOnlyList<string> LabelInputs { get; init; } = [];

    /// <summary>
    /// The graph input, an int64 scalar, for the index of the micro-batch among those of all ranks, from which dropouts draw their masks;
    /// <c>null</c> where nothing is drawn by it (<see cref="GradientOptions.Dropout"/>).
    /// </summary>
    public string? MicroBatchInput { get; init; }

    /// <summary>What runs on the rows only whose label counts. Empty without <see cref="GradientOptions.SparseLabels"/>, or where it is not possible.</summary>
    public IReadOnlyList<LabelSparsityReport> LabelSparsity { get; init; } = [];

    /// <summary>The most that an axis of length -1 in <see cref="Values"/> may have in a run.</summary>
    public long OpenAxisLimit => LabelSparsity.Select(report => report.Rows + 1).DefaultIfEmpty(0).Max();

    /// <summary>
    /// Where losses are added and <see cref="LossOptions.IsSum"/> of one is set: for each, in their order, the graph input, a scalar of the
    /// loss's type, that it and its gradient are divided by. Loss and gradients need no other division. Else none.
    /// </summary>
    public IReadOnlyList<string> DivisorInputs { get; init; } = [];

    /// <summary>
    /// With <see cref="LossOptions.IsSum"/> of a single loss the graph output, a scalar, that holds what loss and gradients are to be divided
    /// by; else <c>null</c>.
    /// </summary>
    public string? CountName { get; init; }

    /// <summary>How many nodes at the beginning belong to forward pass, loss and running statistics. 0: not known, as of imported graphs.</summary>
    internal int ForwardNodes { get; init; }

    /// <summary>The values that are gradients, of parameters and in between.</summary>
    internal IReadOnlySet<string> GradientValues { get; init; } = new HashSet<string>();
}
