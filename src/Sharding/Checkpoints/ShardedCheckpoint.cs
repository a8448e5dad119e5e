using System.Globalization;
using System.Text.RegularExpressions;
using OrtZero.Mpi;
using OrtZero.Sharding.Internal;

namespace OrtZero.Sharding;

/// <summary>
/// Checkpoints that every rank writes its part of and that any number of ranks at any stage can load.
/// </summary>
/// <remarks>
/// A checkpoint is a directory <c>step-00000020</c> with one safetensors file per rank and a manifest. It is built under another
/// name, every file is flushed to the disk, and the directory is renamed as the last act: what carries the final name is whole.
/// Lengths and CRC-32C in the manifest show what was damaged later.
/// </remarks>
public static partial class ShardedCheckpoint
{
    /// <summary>The name of the manifest inside a checkpoint's directory.</summary>
    public const string ManifestName = "manifest.json";

    /// <summary>The name of a checkpoint's directory.</summary>
    /// <param name="step">The step, not negative.</param>
    public static string DirectoryName(long step) => string.Create(CultureInfo.InvariantCulture, $"step-{step:D8}");

    /// <summary>Writes a checkpoint. Collective; on failure every rank throws and nothing is left under the final name that was
    /// not there before.</summary>
    /// <param name="directory">Where checkpoints are kept; created when missing.</param>
    /// <param name="step">The step it is named after; a checkpoint of the same step is replaced.</param>
    /// <param name="engine">The engine, between updates.</param>
    /// <param name="runState">JSON that <see cref="Load"/> gives back; rank 0's is kept.</param>
    /// <returns>The checkpoint's directory.</returns>
    /// <exception cref="CheckpointException">A rank could not write: no space left, no permission, …</exception>
    public static string Save(string directory, long step, ZeroEngine engine, string runState) =>
        Save(directory, step, engine, runState, DurableStorage.Disk);

    /// <summary>Loads parameters, optimizer state and the number of updates. Collective; settings of groups are not touched, so
    /// those of the configuration stay in force.</summary>
    /// <param name="path">A checkpoint's directory.</param>
    /// <param name="engine">The engine to fill.</param>
    /// <returns>The manifest, with the run state and the settings the checkpoint was written with.</returns>
    /// <exception cref="CheckpointException">The checkpoint is damaged or incomplete, or its parameters or optimizer are not the engine's.</exception>
    public static CheckpointManifest Load(string path, ZeroEngine engine)
    {
        ArgumentNullException.ThrowIfNull(engine);
        var ranks = engine.Communicator;
        CheckpointReader? reader = null;
        try
        {
            Agreement.Run(ranks, () =>
            {
                reader = CheckpointReader.Open(path);
                CheckpointContent.CheckParameters(reader, engine);
                CheckpointContent.CheckOptimizer(reader, engine);
                for (var shard = ranks.Rank; shard < reader.Manifest.Shards.Count; shard += ranks.Size)
                {
                    reader.Verify(reader.Manifest.Shards[shard]);
                }
            });
            Agreement.Run(ranks, () => CheckpointContent.Restore(reader!, engine));
            engine.GatherParameters();
            engine.Updates = reader!.Manifest.Updates;
            return reader.Manifest;
        }
        finally
        {
            reader?.Dispose();
        }
    }

    /// <summary>The newest complete checkpoint, or null. A directory without a valid manifest, or one that lacks a file, does not
    /// count.</summary>
    /// <param name="directory">Where checkpoints are kept; may be missing.</param>
    /// <param name="ignored">Receives a sentence about every directory passed over that is newer than the result, or null.</param>
    public static string? FindLatest(string directory, ICollection<string>? ignored = null)
    {
        foreach (var (path, _) in Candidates(directory))
        {
            try
            {
                CheckpointReader.CheckFiles(path);
                return path;
            }
            catch (CheckpointException exception)
            {
                ignored?.Add(exception.Message);
            }
        }

        return null;
    }

    /// <summary>The newest complete checkpoint as rank 0 sees it, the same answer on every rank. Collective.</summary>
    /// <param name="directory">Where checkpoints are kept; may be missing.</param>
    /// <param name="communicator">The ranks.</param>
    /// <param name="ignored">Receives, on rank 0, a sentence about every directory passed over, or null.</param>
    public static string? FindLatest(string directory, ICommunicator communicator, ICollection<string>? ignored = null)
    {
        ArgumentNullException.ThrowIfNull(communicator);
        var own = communicator.Rank == 0 ? FindLatest(directory, ignored) : null;
        var found = Agreement.Texts(communicator, own ?? "")[0];
        return found.Length == 0 ? null : found;
    }

    /// <summary>Deletes checkpoints older than the newest complete ones, and what interrupted runs left behind. Damaged ones that
    /// are newer stay. For one rank, while none is being written.</summary>
    /// <param name="directory">Where checkpoints are kept.</param>
    /// <param name="keep">How many complete ones to keep, at least 1.</param>
    /// <exception cref="IOException">A directory could not be deleted.</exception>
    public static void Prune(string directory, int keep)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(keep, 1);
        if (!Directory.Exists(directory))
        {
            return;
        }

        var kept = new HashSet<long>();
        foreach (var (path, step) in Candidates(directory))
        {
            if (kept.Contains(step) || kept.Count == keep)
            {
                CheckpointDirectories.Remove(path);
            }
            else if (IsComplete(path))
            {
                kept.Add(step);
            }
        }

        foreach (var leftover in CheckpointDirectories.Leftovers(directory))
        {
            Directory.Delete(leftover, recursive: true);
        }
    }

    internal static string Save(string directory, long step, ZeroEngine engine, string runState, DurableStorage storage)
    {
        ArgumentNullException.ThrowIfNull(engine);
        ArgumentOutOfRangeException.ThrowIfNegative(step);
        var directories = new CheckpointDirectories(directory, step, storage);
        var ranks = engine.Communicator;
        try
        {
            Agreement.Run(ranks, () =>
            {
                if (ranks.Rank == 0)
                {
                    directories.Prepare();
                }
            });
            CheckpointShard? shard = null;
            Agreement.Run(ranks, () => shard = CheckpointContent.WriteShard(engine, directories.Temporary, storage));
            var shards = Agreement.Texts(ranks, ManifestFile.Serialize(shard!)).Select(ManifestFile.ParseShard).ToList();
            Agreement.Run(ranks, () =>
            {
                if (ranks.Rank == 0)
                {
                    ManifestFile.Write(directories.Temporary, CheckpointContent.Manifest(engine, step, shards, runState), storage);
                    directories.Publish();
                }
            });
        }
        catch (CheckpointException exception)
        {
            if (ranks.Rank == 0)
            {
                directories.Discard();
            }

            throw new CheckpointException(
                $"Checkpoint '{directories.Final}' was not written: {exception.Message} Free space or choose another work_dir; earlier checkpoints are untouched.",
                exception.InnerException ?? exception);
        }

        return directories.Final;
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

    // Newest first; of one step, the published one before one that was set aside while it was being replaced.
    private static IEnumerable<(string Path, long Step)> Candidates(string directory) => !Directory.Exists(directory)
        ? []
        : Directory.EnumerateDirectories(directory)
            .Select(path => (Path: path, Match: StepPattern().Match(Path.GetFileName(path))))
            .Where(candidate => candidate.Match.Success)
            .Select(candidate => (candidate.Path, Step: long.Parse(candidate.Match.Groups[1].ValueSpan, CultureInfo.InvariantCulture)))
            .OrderByDescending(candidate => candidate.Step)
            .ThenBy(candidate => candidate.Path.Length);

    [GeneratedRegex(@"^step-([0-9]{8,18})(\.replaced)?$")]
    private static partial Regex StepPattern();
}
