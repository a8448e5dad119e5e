namespace OrtZero.Training.Internal;

/// <summary>Marks a string of cfg.json as a path: it is made absolute against the folder of cfg.json.</summary>
[AttributeUsage(AttributeTargets.Property)]
internal sealed class FilePathAttribute : Attribute
{
    /// <summary>Whether the file must be there when the configuration is loaded.</summary>
    public bool MustExist { get; init; }
}
