namespace OrtZero.RankWorker.Internal;

/// <summary>
/// A file in the work folder by which ranks that fail at the same time find out which of them is first, so that one error is
/// shown and not as many as there are ranks.
/// </summary>
internal sealed class FailureMarker(string workDir)
{
    private readonly string _path = Path.Combine(workDir, ".failed");

    /// <summary>Forgets an earlier run's failure.</summary>
    internal void Clear()
    {
        try
        {
            File.Delete(_path);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            // A folder that cannot be written is reported by whoever needs to write the run's files.
        }
    }

    /// <summary>Whether no other rank has failed before; true as well where that cannot be found out.</summary>
    internal bool IsFirst()
    {
        try
        {
            using var file = new FileStream(_path, FileMode.CreateNew);
            return true;
        }
        catch (IOException) when (File.Exists(_path))
        {
            return false;
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            return true;
        }
    }
}
