namespace OrtZero.Autograd;

/// <summary>What official training artifacts are to train, and how.</summary>
public sealed record ArtifactOptions
{
    /// <summary>
    /// The loss, with <see cref="LossOptions.Others"/> a weighted sum of several. Labels that are not named get the official tool's
    /// names, "labels" for a cross-entropy and "target" for the others. <see cref="LossOptions.IsSum"/> is refused: the official runtime
    /// divides by nothing.
    /// </summary>
    public required LossOptions Loss { get; init; }

    /// <summary>
    /// Values of the model that both graphs give beside the loss, as the official tool's <c>additional_output_names</c>, in this order.
    /// Default: none.
    /// </summary>
    public IReadOnlyList<string> AdditionalOutputs { get; init; } = [];

    /// <summary>The initializers that are trained.</summary>
    public required IReadOnlyCollection<string> RequiresGrad { get; init; }

    /// <summary>Initializers that are not trained but lie in the checkpoint. All others stay in the graphs. Default: none.</summary>
    public IReadOnlyCollection<string> Frozen { get; init; } = [];

    /// <summary>The optimizer. Null: no optimizer model is written.</summary>
    public OfficialOptimizer? Optimizer { get; init; } = new();
}
