using OrtZero.Training.Internal;

namespace OrtZero.Training;

/// <summary>The <c>model</c> section: what is trained and what is minimized.</summary>
public sealed record ModelSection
{
    /// <summary>
    /// The forward model, an .onnx file. A relative path is taken from the folder of cfg.json. Required unless artifacts is given.
    /// </summary>
    [FilePath(MustExist = true)]
    [FromArtifacts]
    public required string Path { get; init; }

    /// <summary>
    /// Parameters that are not trained: every one whose name contains one of these strings, or, where a string has * or ?,
    /// matches it as a whole, or, where it begins with "regex:", has a match of that regular expression. Default: none.
    /// </summary>
    public IReadOnlyList<string> Frozen { get; init; } = [];

    /// <summary>
    /// In place of path and loss: a folder of ONNX Runtime's official training artifacts, whose training model, loss and checkpoint are
    /// taken, and its optimizer too unless optim_wrapper is given. A relative path is taken from the folder of cfg.json. Null: none.
    /// </summary>
    [FilePath]
    public string? Artifacts { get; init; }

    /// <summary>
    /// Which Dropout nodes of the model drop in training: true for all, each at its own ratio; false for none; a number at least 0 and
    /// less than 1 for all at this rate. Null, the default: those that the model has in training mode. In evaluation and in the trained
    /// model none does.
    /// </summary>
    [Limits(AtLeast = 0, Below = 1)]
    public DropoutChoice? Dropout { get; init; }

    /// <summary>
    /// Low-rank adapters that are trained in the place of the model's own weights and merged into them where the model is exported. Null: none.
    /// </summary>
    public LoraSection? Lora { get; init; }

    /// <summary>The loss, or a list of losses whose sum is minimized, each times its weight. Required unless artifacts is given.</summary>
    [FromArtifacts]
    public required IReadOnlyList<LossSection> Loss { get; init; }
}
