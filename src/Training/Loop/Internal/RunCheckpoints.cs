using Microsoft.Extensions.Logging;
using OrtZero.Sharding;

namespace OrtZero.Training.Internal;

/// <summary>Saves and resumes a run's checkpoints. Every member is collective.</summary>
internal sealed class RunCheckpoints(TrainingConfiguration configuration, ZeroEngine engine, CarriedStates states, ILogger logger)
{
    private readonly string _folder = Path.Combine(configuration.WorkDir, "checkpoints");
    private long _savedAt;

    /// <summary>The newest checkpoint of this run, or the one it was resumed from. Null: there is none.</summary>
    internal string? Newest { get; private set; }

    /// <summary>Where the schedules of the resumed checkpoint were. Null: that follows from its iteration, or it was another then.</summary>
    internal ScheduleState? Schedule { get; private set; }

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

        // Every rank fails if one does; agreeing on it lets one of them say so and all end in order.
        var state = RankAgreement.Run(engine.Communicator, () =>
        {
            var manifest = ShardedCheckpoint.Load(path, engine);
            var loaded = RunState.Parse(path, manifest.RunState);
            states.Load(path, loaded.States);
            _savedAt = loaded.IterationFor(path, engine.Communicator.Size, configuration.MicroBatchSize);
            return loaded;
        });
        Schedule = state.Iteration == _savedAt ? state.Schedule : null;
        if (state.Schedule is not null && Schedule is null && engine.Communicator.Rank == 0)
        {
            LoopLog.Advice(logger, $"The iterations of {path} were of another size, so ReduceOnPlateauLR begins anew with the configured rates.");
        }

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
    /// <param name="iteration">Iterations done.</param>
    /// <param name="schedule">Where the schedules are, if that does not follow from the iteration.</param>
    internal void Save(long iteration, ScheduleState? schedule)
    {
        states.Average(engine.Communicator);
        var state = new RunState(iteration, engine.Communicator.Size, configuration.MicroBatchSize, configuration.Model.Path, schedule)
        {
            States = states.Values(),
        };
        Newest = RankAgreement.Run(engine.Communicator, () =>
        {
            try
            {
                return ShardedCheckpoint.Save(_folder, iteration, engine, state.ToJson());
            }
            catch (CheckpointException exception)
            {
                throw new TrainingException($"{exception.Message} The checkpoints written before are whole.", exception);
            }
        });
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
