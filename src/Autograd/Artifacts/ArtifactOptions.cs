namespace OrtZero.Autograd;

/// <summary>What official training artifacts are to train, and how.</summary>
public sealed record ArtifactOptions
{
    /// <summary>The loss. Default: cross-entropy.</summary>
    public ArtifactLoss Loss { get; init; }

    /// <summary>The model output that the loss reads.</summary>
    public required string Output { get; init; }

    /// <summary>
    /// The name of the input for the labels. Null: as the official tool names it, "labels" for a cross-entropy and "target" for the others.
    /// </summary>
    public string? Labels { get; init; }

    /// <summary>Cross-entropy: labels of this value do not count. Default: -100, as in PyTorch.</summary>
    public long IgnoreIndex { get; init; } = -100;

    /// <summary>The initializers that are trained.</summary>
    public required IReadOnlyCollection<string> RequiresGrad { get; init; }

    /// <summary>Initializers that are not trained but lie in the checkpoint. All others stay in the graphs. Default: none.</summary>
    public IReadOnlyCollection<string> Frozen { get; init; } = [];

    /// <summary>The optimizer. Null: no optimizer model is written.</summary>
    public OfficialOptimizer? Optimizer { get; init; } = new();
}
