using System.Runtime.ExceptionServices;
using Microsoft.Extensions.Logging;
using OrtZero.Mpi;
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
    private readonly ModelSelection _selection;
    private readonly BestFolder _best;
    private readonly bool _waits;
    private long _savedAt;

    internal RunCheckpoints(TrainingConfiguration configuration, ZeroEngine engine, CarriedStates states, ModelSelection selection, ILogger logger)
    {
        _configuration = configuration;
        _engine = engine;
        _states = states;
        _logger = logger;
        _selection = selection;
        _folder = Path.Combine(configuration.WorkDir, "checkpoints");
        _best = new BestFolder(_folder, logger);
        // A copy in memory of what is kept on disk to save memory would spend it again.
        _waits = !configuration.Checkpoint.Async || engine.IsOffloaded;
        _writer = new CheckpointWriter(engine, _folder) { Copies = !_waits, Published = Prune };
    }

    /// <summary>The low-rank adapters that are trained. Null: there are none.</summary>
    internal AdapterState? Adapters { get; init; }

    /// <summary>The newest checkpoint of this run that is on the disk, or the one it was resumed from. Null: there is none.</summary>
    internal string? Newest { get; private set; }

    /// <summary>Where the schedules of the resumed checkpoint were. Null: that follows from its iteration, or it was another then.</summary>
    internal ScheduleState? Schedule { get; private set; }

    /// <summary>Whether the resumed checkpoint was written before a validation that was due.</summary>
    internal bool ValidationDue { get; private set; }

    /// <summary>The bytes of the copy from which checkpoints are written; 0 while none was made.</summary>
    internal long CopyBytes => _writer.ByteLength;

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

        if (IsFirst)
        {
            LoopLog.Loads(_logger, choice.Path ?? _folder);
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
            if (Adapters is not null)
            {
                state.Adapters?.RequireBase(found, _configuration.Model.Path, Adapters.BaseHash);
            }

            _states.Load(found, state.States);
            _savedAt = state.IterationFor(found, _engine.Communicator.Size, _configuration.MicroBatchSize);
            return state;
        });
        Schedule = state.Iteration == _savedAt ? state.Schedule : null;
        ValidationDue = state.ValidationDue;
        ResumeBest(state.Selection, found);
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
    /// <param name="validationDue">Whether a validation after this iteration is still to be done.</param>
    internal void Begin(long iteration, ScheduleState? schedule, bool validationDue)
    {
        if (_writer.IsWriting)
        {
            if (IsFirst)
            {
                LoopLog.WaitsForCheckpoint(_logger, iteration, _savedAt);
            }

            Complete();
        }

        var state = StateAt(iteration, schedule) with { ValidationDue = validationDue };
        Guard(() => _writer.Begin(iteration, state.ToJson()));
        _savedAt = iteration;
        if (_waits)
        {
            Complete();
        }
    }

    /// <summary>Writes one of the best models and deletes those that are no longer among them; training waits.</summary>
    /// <param name="iteration">Iterations done at the last update.</param>
    /// <param name="schedule">Where the schedules are, if that does not follow from the iteration.</param>
    internal void SaveBest(long iteration, ScheduleState? schedule)
    {
        var state = StateAt(iteration, schedule);
        Guard(() =>
        {
            if (IsFirst)
            {
                _best.SetAside(_selection.Best.Where(model => model.Step != iteration));
            }
        });
        Guard(() => ShardedCheckpoint.Save(_best.Path, iteration, _engine, state.ToJson()));
        if (IsFirst)
        {
            _best.DropAllBut(_selection.Best);
        }
    }

    /// <summary>Loads the best model. False: there is none.</summary>
    internal bool LoadBest()
    {
        if (_selection.Best.Count == 0)
        {
            return false;
        }

        var path = _best.PathOf(_selection.Best[0]);
        RankAgreement.Run(_engine.Communicator, () =>
        {
            var manifest = ShardedCheckpoint.Load(path, _engine);
            _states.Load(path, RunState.Parse(path, manifest.RunState).States);
        });
        return true;
    }

    // The best go on with the run. Where its folder lacks some, as where a checkpoint is resumed in another work_dir, the others do.
    private void ResumeBest(SelectionState? state, string checkpoint)
    {
        _selection.Load(state);
        if (_selection.Best.Count > 0)
        {
            var held = new long[_selection.Best.Count];
            for (var index = 0; index < held.Length; index++)
            {
                held[index] = IsFirst && _best.Holds(_selection.Best[index]) ? 1 : 0;
            }

            _engine.Communicator.AllReduce(held, ReduceOperation.Max);
            foreach (var model in _selection.Best.Where((_, index) => held[index] == 0).ToList())
            {
                _selection.Forget(model);
                if (IsFirst)
                {
                    LoopLog.Advice(_logger, $"{_best.PathOf(model)}, the best by {model.Metric} when {Path.GetFileName(checkpoint)} was written, is not there, so a later one takes its place: copy it there and resume again to keep it.");
                }
            }
        }

        if (IsFirst && _configuration.Checkpoint.Resume.Auto && _selection.State is not null)
        {
            _best.Continue(_selection.Best);
        }
    }

    private RunState StateAt(long iteration, ScheduleState? schedule)
    {
        _states.Average(_engine.Communicator);
        return new RunState(iteration, _engine.Communicator.Size, _configuration.MicroBatchSize, _configuration.Model.Path, schedule)
        {
            States = _states.Values(),
            Adapters = Adapters,
            Settings = SettingsSnapshot.Of(_configuration),
            SamplesPerUpdate = SamplesPerUpdate,
            Selection = _selection.State,
        };
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
