using System.Runtime.ExceptionServices;
using Microsoft.Extensions.Logging;
using OrtZero.Sharding;

namespace OrtZero.Training.Internal;

/// <summary>Saves and resumes a run's checkpoints. Every method is collective.</summary>
internal sealed class RunCheckpoints : IDisposable
{
    private readonly TrainingConfiguration _configuration;
    private readonly ZeroEngine _engine;
    private readonly CarriedStates _states;
    private readonly ILogger _logger;
    private readonly string _folder;
    private readonly CheckpointWriter _writer;
    private long _savedAt;

    internal RunCheckpoints(TrainingConfiguration configuration, ZeroEngine engine, CarriedStates states, ILogger logger)
    {
        _configuration = configuration;
        _engine = engine;
        _states = states;
        _logger = logger;
        _folder = Path.Combine(configuration.WorkDir, "checkpoints");
        _writer = new CheckpointWriter(engine, _folder) { Copies = configuration.Checkpoint.Async, Published = Prune };
    }

    /// <summary>The newest checkpoint of this run that is on the disk, or the one it was resumed from. Null: there is none.</summary>
    internal string? Newest { get; private set; }

    /// <summary>Where the schedules of the resumed checkpoint were. Null: that follows from its iteration, or it was another then.</summary>
    internal ScheduleState? Schedule { get; private set; }

    /// <summary>Whether this rank still works on a checkpoint.</summary>
    internal bool IsBusy => !_writer.IsRankReady;

    private bool IsFirst => _engine.Communicator.Rank == 0;

    private long SamplesPerUpdate =>
        (long)_engine.Communicator.Size * _configuration.MicroBatchSize * _configuration.OptimWrapper.AccumulativeCounts;

    /// <summary>Loads the checkpoint the configuration asks for.</summary>
    /// <returns>The iterations behind it; 0 where none was asked for or there is none yet.</returns>
    internal long Resume()
    {
        var choice = _configuration.Checkpoint.Resume;
        if (!choice.Auto && choice.Path is null)
        {
            return 0;
        }

        var passedOver = new List<string>();
        // Every rank fails if one does; agreeing on it lets one of them say so and all end in order.
        var loaded = RankAgreement.Run(_engine.Communicator, () => choice.Path is { } path
            ? (path, ShardedCheckpoint.Load(path, _engine))
            : ShardedCheckpoint.LoadLatest(_folder, _engine, passedOver));
        foreach (var sentence in passedOver)
        {
            LoopLog.Advice(_logger, $"{sentence} It is passed over.");
        }

        if (loaded is not var (found, manifest))
        {
            return 0;
        }

        var state = RankAgreement.Run(_engine.Communicator, () =>
        {
            var state = RunState.Parse(found, manifest.RunState);
            _states.Load(found, state.States);
            _savedAt = state.IterationFor(found, _engine.Communicator.Size, _configuration.MicroBatchSize);
            return state;
        });
        Schedule = state.Iteration == _savedAt ? state.Schedule : null;
        Newest = found;
        if (IsFirst)
        {
            foreach (var sentence in Differences(state, found))
            {
                LoopLog.Advice(_logger, sentence);
            }

            LoopLog.Resumed(_logger, found, _savedAt);
        }

        return _savedAt;
    }

    /// <summary>Whether checkpoint.interval has passed since the last one, or the run ends and it is not the last one's iteration.</summary>
    internal bool IsDue(long iteration, bool isEnd) =>
        _configuration.Checkpoint.Interval is { } interval && (iteration / interval > _savedAt / interval || (isEnd && iteration > _savedAt));

    /// <summary>Begins one; only between updates. One that is being written is waited for.</summary>
    /// <param name="iteration">Iterations done.</param>
    /// <param name="schedule">Where the schedules are, if that does not follow from the iteration.</param>
    internal void Begin(long iteration, ScheduleState? schedule)
    {
        if (_writer.IsWriting)
        {
            if (IsFirst)
            {
                LoopLog.WaitsForCheckpoint(_logger, iteration, _savedAt);
            }

            Complete();
        }

        _states.Average(_engine.Communicator);
        var state = new RunState(iteration, _engine.Communicator.Size, _configuration.MicroBatchSize, _configuration.Model.Path, schedule)
        {
            States = _states.Values(),
            Settings = SettingsSnapshot.Of(_configuration),
            SamplesPerUpdate = SamplesPerUpdate,
        };
        Guard(() => _writer.Begin(iteration, state.ToJson()));
        _savedAt = iteration;
        if (!_configuration.Checkpoint.Async)
        {
            Complete();
        }
    }

    /// <summary>Goes on with a checkpoint that is being written, once no rank <see cref="IsBusy"/>.</summary>
    internal void Advance()
    {
        if (Guard(_writer.Advance) is { } path)
        {
            Published(path);
        }
    }

    /// <summary>Waits for a checkpoint that is being written.</summary>
    internal void Complete()
    {
        if (_writer.IsWriting)
        {
            Published(Guard(_writer.Complete));
        }
    }

    /// <summary>Waits for a checkpoint that is being written, and gives back what went wrong.</summary>
    internal ExceptionDispatchInfo? TryComplete()
    {
        try
        {
            Complete();
            return null;
        }
        catch (Exception exception) when (exception is TrainingException or PeerFailedException)
        {
            return ExceptionDispatchInfo.Capture(exception);
        }
    }

    /// <summary>Leaves off a checkpoint that is being written.</summary>
    public void Dispose() => _writer.Dispose();

    private void Published(string path)
    {
        Newest = path;
        if (IsFirst)
        {
            LoopLog.Saved(_logger, path);
        }
    }

    private IEnumerable<string> Differences(RunState state, string path)
    {
        var name = Path.GetFileName(path);
        if (state.Schedule is not null && Schedule is null)
        {
            yield return $"The iterations of {path} were of another size, so ReduceOnPlateauLR begins anew with the configured rates.";
        }

        foreach (var sentence in state.Settings is { } settings ? SettingsSnapshot.Differences(settings, SettingsSnapshot.Of(_configuration), name) : [])
        {
            yield return sentence;
        }

        if (state.SamplesPerUpdate is { } samples && samples != SamplesPerUpdate)
        {
            yield return $"An update sees {SamplesPerUpdate} samples (ranks x micro_batch_size x accumulative_counts), but saw {samples} when {name} was written: cfg.json counts.";
        }
    }

    // On rank 0's writing thread, once a checkpoint is in place.
    private void Prune()
    {
        if (_configuration.Checkpoint.MaxKeep is not { } keep)
        {
            return;
        }

        try
        {
            ShardedCheckpoint.Prune(_folder, keep, _configuration.Checkpoint.KeepEvery);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            LoopLog.NotDeleted(_logger, exception.Message);
        }
    }

    private void Guard(Action write) => Guard(() =>
    {
        write();
        return true;
    });

    private T Guard<T>(Func<T> write) => RankAgreement.Run(_engine.Communicator, () =>
    {
        try
        {
            return write();
        }
        catch (CheckpointException exception)
        {
            throw new TrainingException($"{exception.Message} The checkpoints written before are whole.", exception);
        }
    });
}
