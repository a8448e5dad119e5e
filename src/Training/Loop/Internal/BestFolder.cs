using Microsoft.Extensions.Logging;
using OrtZero.Sharding;

namespace OrtZero.Training.Internal;

/// <summary>The best checkpoints of a run on the disk, in checkpoints/best. For rank 0, but for the paths.</summary>
internal sealed class BestFolder(string checkpoints, ILogger logger)
{
    private bool _isOfThisRun;

    /// <summary>The folder.</summary>
    internal string Path { get; } = System.IO.Path.Combine(checkpoints, "best");

    /// <summary>Where one of the best is.</summary>
    internal string PathOf(BestModel model) => System.IO.Path.Combine(Path, ShardedCheckpoint.DirectoryName(model.Step));

    /// <summary>Whether one of the best is there, and is not the checkpoint of that step of another run.</summary>
    internal bool Holds(BestModel model)
    {
        try
        {
            using var reader = CheckpointReader.Open(PathOf(model));
            var found = RunState.Parse(reader.Path, reader.Manifest.RunState).Selection?.Best ?? [];
            return found.Any(other => other.Step == model.Step && other.Metric == model.Metric && other.Value.Equals(model.Value));
        }
        catch (CheckpointException)
        {
            // Not there, or not whole: so it cannot be gone back to, which is what is asked.
            return false;
        }
    }

    /// <summary>Goes on with what the run left that is resumed, and deletes what it wrote after the checkpoint it goes on from.</summary>
    internal void Continue(IEnumerable<BestModel> best)
    {
        _isOfThisRun = true;
        DropAllBut(best);
    }

    /// <summary>Makes room for the first of a run: what another left is moved to checkpoints/best-before-1, -2, … rather than lost.</summary>
    /// <exception cref="TrainingException">It could not be moved.</exception>
    internal void SetAside(IEnumerable<BestModel> best)
    {
        if (_isOfThisRun)
        {
            return;
        }

        _isOfThisRun = true;
        if (Others(best) is not { Count: > 0 } others)
        {
            return;
        }

        var target = Enumerable.Range(1, int.MaxValue).Select(number => $"{Path}-before-{number}").First(path => !Directory.Exists(path));
        try
        {
            Directory.CreateDirectory(target);
            foreach (var path in others)
            {
                Directory.Move(path, System.IO.Path.Combine(target, System.IO.Path.GetFileName(path)));
            }
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw new TrainingException(
                $"The best checkpoints of a run before cannot be moved from {Path} to {target}: {exception.Message} Move them elsewhere, or train in another work_dir.", exception);
        }

        LoopLog.BestSetAside(logger, Path, target);
    }

    /// <summary>Deletes those that are no longer among the best.</summary>
    internal void DropAllBut(IEnumerable<BestModel> best)
    {
        try
        {
            foreach (var path in Others(best))
            {
                Directory.Delete(path, recursive: true);
            }
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            LoopLog.NotDeleted(logger, exception.Message);
        }
    }

    private List<string> Others(IEnumerable<BestModel> best)
    {
        var kept = best.Select(PathOf).ToHashSet(StringComparer.Ordinal);
        return Directory.Exists(Path) ? [.. Directory.EnumerateDirectories(Path).Where(path => !kept.Contains(path))] : [];
    }
}
