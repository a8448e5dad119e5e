using OrtZero.Training.Internal;

namespace OrtZero.Training;

/// <summary>The <c>model</c> section: what is trained and what is minimized.</summary>
public sealed record ModelSection
{
    /// <summary>The forward model, an .onnx file. A relative path is taken from the folder of cfg.json. Required.</summary>
    [FilePath(MustExist = true)]
    public required string Path { get; init; }

    /// <summary>
    /// Parameters that are not trained: every one whose name contains one of these strings, or, where a string has * or ?,
    /// matches it as a whole. Default: none.
    /// </summary>
    public IReadOnlyList<string> Frozen { get; init; } = [];

    /// <summary>The loss. Required.</summary>
    public required LossSection Loss { get; init; }
}
