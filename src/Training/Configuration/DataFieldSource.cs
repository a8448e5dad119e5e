namespace OrtZero.Training;

/// <summary>Where the array of a data field is.</summary>
/// <param name="Path">The absolute path of a .npy or .npz file.</param>
/// <param name="Array">The name of the array inside a .npz file. Null: the file is a .npy, or a .npz with a single array.</param>
public sealed record DataFieldSource(string Path, string? Array)
{
    /// <summary>Where the field is a list with an array for each bucket of samples of one length: those behind the first. Default: none.</summary>
    public IReadOnlyList<DataFieldSource> Others { get; init; } = [];

    /// <summary>Splits "file.npz:array"; anything else is a path alone.</summary>
    /// <param name="text">The value in cfg.json.</param>
    /// <param name="folder">The folder that relative paths are taken from.</param>
    public static DataFieldSource Parse(string text, string folder)
    {
        ArgumentNullException.ThrowIfNull(text);
        const string Separator = ".npz:";
        var at = text.LastIndexOf(Separator, StringComparison.OrdinalIgnoreCase);
        var path = at < 0 ? text : text[..(at + Separator.Length - 1)];
        var array = at < 0 ? null : text[(at + Separator.Length)..];
        return new DataFieldSource(System.IO.Path.GetFullPath(path, folder), array);
    }

    /// <summary>The path, with ":array" behind it where one is named.</summary>
    public override string ToString() => Array is null ? Path : $"{Path}:{Array}";
}
