using System.Text.Json;

namespace OrtZero.Training.Internal;

/// <summary>The way from a file to a checked <see cref="TrainingConfiguration"/>.</summary>
internal static class ConfigurationLoader
{
    /// <summary>Reads, binds and checks.</summary>
    /// <param name="path">The file.</param>
    /// <param name="overrides">Changes to it.</param>
    /// <param name="unused">Key paths of sections whose mistakes do not matter to the caller; such a section may be null.</param>
    public static TrainingConfiguration Load(string path, IReadOnlyList<string> overrides, params IReadOnlyList<string> unused)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        var full = Path.GetFullPath(path);
        var problems = new ConfigurationProblems();
        if (ConfigurationParser.ParseFile(Read(path, full), path, problems) is not { } root)
        {
            throw new ConfigurationException(problems.Sentences);
        }

        OverrideApplier.Apply(root, overrides, problems);
        if (root.Kind != JsonValueKind.Object)
        {
            problems.Add(root.Place, "", $"the file is {root.Describe()}, but must be an object with the keys {UnknownKey.List(typeof(TrainingConfiguration))}.");
            throw new ConfigurationException(problems.Sentences);
        }

        var folder = Path.GetDirectoryName(full)!;
        var bound = (TrainingConfiguration)new ConfigurationBinder(folder, problems).Section(typeof(TrainingConfiguration), root, "")!;
        var configuration = bound with { Path = full, WorkDir = Path.GetFullPath(bound.WorkDir, folder) };
        new ConfigurationRules(root, problems).Check(configuration);
        problems.ThrowIfAny(unused);
        configuration = ArtifactDefaults.Apply(configuration, root, problems);
        problems.ThrowIfAny(unused);
        return unused.Count > 0 ? configuration : configuration with { Warnings = [.. problems.Notes, .. ConfigurationWarnings.Find(configuration)] };
    }

    private static byte[] Read(string path, string full)
    {
        if (MissingFile.Describe(full) is { } missing)
        {
            throw new ConfigurationException([$"The configuration {path} cannot be read: it {missing}"]);
        }

        try
        {
            return File.ReadAllBytes(full);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw new ConfigurationException([$"The configuration {path} cannot be read: {exception.Message}"]);
        }
    }
}
