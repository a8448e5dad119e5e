using Microsoft.Extensions.Logging;
using OrtZero.Sharding;

namespace OrtZero.Training.Internal;

/// <summary>Saves and resumes a run's checkpoints. Every member is collective.</summary>
internal sealed class RunCheckpoints(TrainingConfiguration configuration, ZeroEngine engine, ILogger logger)
{
    private readonly string _folder = Path.Combine(configuration.WorkDir, "checkpoints");
    private long _savedAt;

    /// <summary>The newest checkpoint of this run, or the one it was resumed from. Null: there is none.</summary>
    internal string? Newest { get; private set; }

    /// <summary>Loads the checkpoint the configuration asks for.</summary>
    /// <returns>The iterations behind it; 0 where none was asked for or there is none yet.</returns>
    internal long Resume()
    {
        var choice = configuration.Checkpoint.Resume;
        var passedOver = new List<string>();
        var path = choice.Auto ? ShardedCheckpoint.FindLatest(_folder, engine.Communicator, passedOver) : choice.Path;
        foreach (var sentence in passedOver)
        {
            LoopLog.Advice(logger, sentence);
        }

        if (path is null)
        {
            return 0;
        }

        var manifest = ShardedCheckpoint.Load(path, engine);
        _savedAt = RunState.Parse(path, manifest.RunState).IterationFor(path, engine.Communicator.Size, configuration.MicroBatchSize);
        Newest = path;
        if (engine.Communicator.Rank == 0)
        {
            LoopLog.Resumed(logger, path, _savedAt);
        }

        return _savedAt;
    }

    /// <summary>Whether checkpoint.interval has passed since the last one.</summary>
    internal bool IsDue(long iteration) => configuration.Checkpoint.Interval is { } interval && iteration / interval > _savedAt / interval;

    /// <summary>Writes one; only between updates.</summary>
    internal void Save(long iteration)
    {
        var state = new RunState(iteration, engine.Communicator.Size, configuration.MicroBatchSize, configuration.Model.Path);
        Newest = ShardedCheckpoint.Save(_folder, iteration, engine, state.ToJson());
        _savedAt = iteration;
        if (engine.Communicator.Rank == 0)
        {
            LoopLog.Saved(logger, Newest);
            if (configuration.Checkpoint.MaxKeep is { } keep)
            {
                ShardedCheckpoint.Prune(_folder, keep);
            }
        }
    }
}
