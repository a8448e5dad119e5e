namespace OrtZero.Training;

/// <summary>A cfg.json made from the configuration of another trainer.</summary>
/// <param name="Json">Its text. What the other file could not say has a value that begins with PLACEHOLDER, or a note.</param>
/// <param name="Notes">One sentence each: what was filled in, and which settings have no counterpart.</param>
public sealed record ImportedConfiguration(string Json, IReadOnlyList<string> Notes)
{
    /// <summary>Turns a DeepSpeed configuration, or an MMEngine or XTuner one written as JSON, into a cfg.json.</summary>
    /// <param name="path">The file. Comments and trailing commas are allowed.</param>
    /// <exception cref="ConfigurationException">The file cannot be read, or is none of these.</exception>
    public static ImportedConfiguration FromFile(string path) => Internal.ConfigurationImporter.Import(path);
}
