using System.Globalization;
using System.Text.RegularExpressions;

namespace OrtZero.Sharding.Internal;

/// <summary>What a directory of checkpoints holds, in the order in which it was written.</summary>
/// <remarks>Steps do not tell that order: on another number of ranks a run counts other iterations.</remarks>
internal sealed partial class CheckpointFolder
{
    private CheckpointFolder(List<Entry> readable, List<(string Path, long Step, string Problem)> unreadable)
    {
        Checkpoints = readable;
        Unreadable = unreadable;
    }

    /// <summary>A checkpoint with a valid manifest.</summary>
    internal sealed record Entry(string Path, CheckpointManifest Manifest);

    /// <summary>Those with a valid manifest, newest first.</summary>
    public IReadOnlyList<Entry> Checkpoints { get; }

    /// <summary>Those without, and what is wrong with them.</summary>
    public IReadOnlyList<(string Path, long Step, string Problem)> Unreadable { get; }

    /// <summary>The sequence number of the next one.</summary>
    public long NextSequence => Checkpoints.Count == 0 ? 1 : Checkpoints.Max(entry => entry.Manifest.Sequence) + 1;

    public static CheckpointFolder Read(string directory)
    {
        var readable = new List<Entry>();
        var unreadable = new List<(string, long, string)>();
        foreach (var path in Directory.Exists(directory) ? Directory.EnumerateDirectories(directory) : [])
        {
            if (StepPattern().Match(Path.GetFileName(path)) is { Success: true } match)
            {
                try
                {
                    readable.Add(new Entry(path, ManifestFile.Read(path)));
                }
                catch (CheckpointException exception)
                {
                    unreadable.Add((path, long.Parse(match.Groups[1].ValueSpan, CultureInfo.InvariantCulture), exception.Message));
                }
            }
        }

        // Of one step, the published one before one that was set aside while it was being replaced.
        return new CheckpointFolder(
            [.. readable.OrderByDescending(entry => entry.Manifest.Sequence).ThenByDescending(entry => entry.Manifest.Step).ThenBy(entry => entry.Path.Length)],
            unreadable);
    }

    /// <summary>Deletes what is not to be kept, and what interrupted runs left behind.</summary>
    /// <param name="directory">The directory.</param>
    /// <param name="newest">How many of the newest complete checkpoints stay. Null: all.</param>
    /// <param name="every">Of every so many steps the first checkpoint stays for good and is not counted among the newest. Null: none.</param>
    public static void Prune(string directory, int? newest, long? every)
    {
        if (!Directory.Exists(directory))
        {
            return;
        }

        var folder = Read(directory);
        var complete = folder.Checkpoints.Where(entry => IsComplete(entry.Path)).DistinctBy(entry => entry.Manifest.Step).ToList();
        if (newest is { } count && complete.Count > 0)
        {
            var lasting = every is { } steps ? FirstOfEvery(steps, complete) : [];
            var kept = complete.Where(entry => !lasting.Contains(entry.Path)).Take(count).Select(entry => entry.Path).Concat(lasting).ToHashSet(StringComparer.Ordinal);
            var last = complete[0].Manifest;
            IEnumerable<string> doomed =
            [
                .. folder.Checkpoints.Where(entry => entry.Manifest.Sequence < last.Sequence || entry.Manifest.Step <= last.Step).Select(entry => entry.Path),
                .. folder.Unreadable.Where(entry => entry.Step < last.Step).Select(entry => entry.Path),
            ];
            foreach (var path in doomed.Where(path => !kept.Contains(path)))
            {
                CheckpointDirectories.Remove(path);
            }
        }

        CheckpointDirectories.RemoveLeftovers(directory);
    }

    // A step counts for the checkpoints that were written before it, so what the rule gives does not change as others go.
    private static HashSet<string> FirstOfEvery(long steps, List<Entry> newestFirst)
    {
        var found = new HashSet<string>(StringComparer.Ordinal);
        var window = 0L;
        foreach (var (path, manifest) in Enumerable.Reverse(newestFirst))
        {
            if (manifest.Step / steps != window)
            {
                found.Add(path);
            }

            window = manifest.Step / steps;
        }

        return found;
    }

    private static bool IsComplete(string path)
    {
        try
        {
            CheckpointReader.CheckFiles(path);
            return true;
        }
        catch (CheckpointException)
        {
            return false;
        }
    }

    [GeneratedRegex(@"^step-([0-9]{8,18})(\.replaced)?$")]
    private static partial Regex StepPattern();
}
