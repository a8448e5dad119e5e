using System.Globalization;
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
public static class ShardedCheckpoint
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
        using var reader = OpenWhole(path, engine.Communicator);
        return Restore(reader, engine);
    }

    /// <summary>Loads the newest checkpoint that is whole. Collective.</summary>
    /// <param name="directory">Where checkpoints are kept; may be missing.</param>
    /// <param name="engine">The engine to fill.</param>
    /// <param name="ignored">Receives, on rank 0, a sentence about every newer one that was passed over, or null.</param>
    /// <returns>The checkpoint's directory and manifest; null when there is none.</returns>
    /// <exception cref="CheckpointException">There are checkpoints but none is whole, or the newest that is has other parameters or
    /// another optimizer than the engine.</exception>
    public static (string Path, CheckpointManifest Manifest)? LoadLatest(string directory, ZeroEngine engine, ICollection<string>? ignored = null)
    {
        ArgumentNullException.ThrowIfNull(engine);
        var ranks = engine.Communicator;
        var folder = ranks.Rank == 0 ? CheckpointFolder.Read(directory) : null;
        string[] found = [.. folder?.Checkpoints.Select(entry => entry.Path) ?? []];
        var paths = Agreement.Texts(ranks, string.Join('\n', found))[0].Split('\n', StringSplitOptions.RemoveEmptyEntries);
        var damaged = folder?.Unreadable.Select(entry => entry.Problem).ToList() ?? [];
        foreach (var path in paths)
        {
            CheckpointReader reader;
            try
            {
                reader = OpenWhole(path, ranks);
            }
            catch (CheckpointException exception)
            {
                damaged.Add(exception.Message);
                continue;
            }

            Report();
            using (reader)
            {
                return (path, Restore(reader, engine));
            }
        }

        Report();
        var problem = Agreement.Texts(ranks, damaged.Count > 0 ? damaged[^1] : "")[0];
        return problem.Length == 0
            ? null
            : throw new CheckpointException($"No checkpoint in '{directory}' is whole: {problem} Begin anew with checkpoint.resume \"none\", or put an earlier one back.");

        void Report()
        {
            foreach (var sentence in ranks.Rank == 0 ? damaged : [])
            {
                ignored?.Add(sentence);
            }
        }
    }

    /// <summary>The newest complete checkpoint, the one written last, or null. A directory without a valid manifest, or one that lacks
    /// a file, does not count. Checksums of the files are not compared.</summary>
    /// <param name="directory">Where checkpoints are kept; may be missing.</param>
    /// <param name="ignored">Receives a sentence about every directory passed over, or null.</param>
    public static string? FindLatest(string directory, ICollection<string>? ignored = null)
    {
        var folder = CheckpointFolder.Read(directory);
        foreach (var (_, _, problem) in folder.Unreadable)
        {
            ignored?.Add(problem);
        }

        foreach (var (path, _) in folder.Checkpoints)
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

    /// <summary>Deletes checkpoints older than the newest complete ones, and what interrupted runs left behind. Damaged ones that
    /// are newer stay. For one rank, while none is being written.</summary>
    /// <param name="directory">Where checkpoints are kept.</param>
    /// <param name="keep">How many complete ones to keep, at least 1.</param>
    /// <param name="keepEvery">Of every so many steps the first checkpoint stays too, beside those. Null: none does.</param>
    /// <exception cref="IOException">A directory could not be deleted.</exception>
    public static void Prune(string directory, int keep, long? keepEvery = null)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(keep, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(keepEvery ?? 1, 1);
        CheckpointFolder.Prune(directory, keep, keepEvery);
    }

    internal static string Save(string directory, long step, ZeroEngine engine, string runState, DurableStorage storage)
    {
        using var writer = new CheckpointWriter(engine, directory, storage) { Copies = false };
        writer.Begin(step, runState);
        return writer.Complete();
    }

    // Files are shared among the ranks, so that comparing checksums takes as long as the slowest reads its part.
    private static CheckpointReader OpenWhole(string path, ICommunicator ranks)
    {
        CheckpointReader? reader = null;
        try
        {
            Agreement.Run(ranks, () =>
            {
                reader = CheckpointReader.Open(path);
                for (var shard = ranks.Rank; shard < reader.Manifest.Shards.Count; shard += ranks.Size)
                {
                    reader.Verify(reader.Manifest.Shards[shard]);
                }
            });
            return reader!;
        }
        catch
        {
            reader?.Dispose();
            throw;
        }
    }

    private static CheckpointManifest Restore(CheckpointReader reader, ZeroEngine engine)
    {
        Agreement.Run(engine.Communicator, () =>
        {
            CheckpointContent.CheckParameters(reader, engine);
            CheckpointContent.CheckOptimizer(reader, engine);
            CheckpointContent.Restore(reader, engine);
        });
        engine.GatherParameters();
        engine.Updates = reader.Manifest.Updates;
        return reader.Manifest;
    }
}
