namespace OrtZero.Sharding.Internal;

/// <summary>
/// The directories of one checkpoint while it is written: built as <c>.step-N.incomplete</c>, renamed to <c>step-N</c>. One of the
/// same step is set aside as <c>step-N.replaced</c>, which counts as a checkpoint until the new one is in place.
/// </summary>
internal sealed class CheckpointDirectories
{
    private const string IncompleteSuffix = ".incomplete";
    private const string ReplacedSuffix = ".replaced";
    private const string RemovedSuffix = ".removed";

    private readonly string _directory;
    private readonly DurableStorage _storage;

    public CheckpointDirectories(string directory, long step, DurableStorage storage)
    {
        _directory = directory;
        _storage = storage;
        Final = Path.Combine(directory, ShardedCheckpoint.DirectoryName(step));
        Temporary = Path.Combine(directory, $".{ShardedCheckpoint.DirectoryName(step)}{IncompleteSuffix}");
    }

    public string Final { get; }

    public string Temporary { get; }

    /// <summary>What interrupted runs left: never a checkpoint.</summary>
    public static IEnumerable<string> Leftovers(string directory) => Directory.EnumerateDirectories(directory)
        .Where(path => Path.GetFileName(path) is var name && name.StartsWith(".step-", StringComparison.Ordinal)
            && (name.EndsWith(IncompleteSuffix, StringComparison.Ordinal) || name.EndsWith(RemovedSuffix, StringComparison.Ordinal)));

    /// <summary>Deletes what interrupted runs left.</summary>
    public static void RemoveLeftovers(string directory)
    {
        foreach (var leftover in Leftovers(directory))
        {
            Directory.Delete(leftover, recursive: true);
        }
    }

    /// <summary>Deletes a checkpoint; renamed first, so that no half of one is ever found.</summary>
    public static void Remove(string path)
    {
        var doomed = Path.Combine(Path.GetDirectoryName(Path.GetFullPath(path))!, $".{Path.GetFileName(path)}{RemovedSuffix}");
        if (Directory.Exists(doomed))
        {
            Directory.Delete(doomed, recursive: true);
        }

        Directory.Move(path, doomed);
        Directory.Delete(doomed, recursive: true);
    }

    public void Prepare()
    {
        Directory.CreateDirectory(_directory);
        RemoveLeftovers(_directory);
        Directory.CreateDirectory(Temporary);
    }

    public void Discard()
    {
        if (Directory.Exists(Temporary))
        {
            Directory.Delete(Temporary, recursive: true);
        }
    }

    public void Publish()
    {
        _storage.FlushDirectory(Temporary);
        var replaced = Final + ReplacedSuffix;
        if (Directory.Exists(Final))
        {
            if (Directory.Exists(replaced))
            {
                Remove(replaced);
            }

            Directory.Move(Final, replaced);
        }

        Directory.Move(Temporary, Final);
        _storage.FlushDirectory(_directory);
        if (Directory.Exists(replaced))
        {
            Remove(replaced);
        }
    }
}
