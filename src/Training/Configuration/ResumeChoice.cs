namespace OrtZero.Training;

/// <summary>What <c>checkpoint.resume</c> or <c>--resume</c> asks for.</summary>
/// <param name="Auto">Whether the newest checkpoint of the work folder is taken, if there is one.</param>
/// <param name="Path">The absolute path of the checkpoint. Null: none is named.</param>
public sealed record ResumeChoice(bool Auto, string? Path)
{
    /// <summary>Start from the model's own weights.</summary>
    public static ResumeChoice None { get; } = new(false, null);

    /// <summary>Reads "auto", "none" or a path.</summary>
    /// <param name="text">The value.</param>
    /// <param name="folder">The folder that a relative path is taken from.</param>
    public static ResumeChoice Parse(string text, string folder) => text switch
    {
        "none" => None,
        "auto" => new ResumeChoice(true, null),
        _ => new ResumeChoice(false, System.IO.Path.GetFullPath(text, folder)),
    };
}
