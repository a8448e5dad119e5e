namespace OrtZero.Training.Internal;

/// <summary>The sentence for a file that is not there, with what is there instead.</summary>
internal static class MissingFile
{
    /// <summary>Null when the file exists.</summary>
    public static string? Describe(string file)
    {
        if (File.Exists(file))
        {
            return null;
        }

        if (Directory.Exists(file))
        {
            return $"names a folder, {file}, but must name a file.";
        }

        var folder = Path.GetDirectoryName(file);
        if (folder is null || !Directory.Exists(folder))
        {
            return $"names {file}, but the folder {folder} does not exist; correct the path or make the folder and put the file there.";
        }

        var near = NearestName.Find(Path.GetFileName(file), Directory.EnumerateFiles(folder).Select(name => Path.GetFileName(name)));
        return near is null
            ? $"names {file}, which does not exist; correct the path or put the file there."
            : $"names {file}, which does not exist; did you mean \"{near}\"?";
    }
}
