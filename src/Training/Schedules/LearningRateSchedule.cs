using OrtZero.Sharding;
using OrtZero.Training.Internal;

namespace OrtZero.Training;

/// <summary>
/// The learning rate of every parameter group over a run, exactly as MMEngine's parameter schedulers give it: every scheduler
/// changes the current rate step by step, so that schedulers chain, leave gaps and overlap as they do there.
/// </summary>
public sealed class LearningRateSchedule
{
    private readonly string[] _groups;
    private readonly RateTable _rates;
    private readonly StepScheduler[] _schedulers;

    private LearningRateSchedule(string[] groups, RateTable rates, StepScheduler[] schedulers, IReadOnlyList<string> warnings)
    {
        _groups = groups;
        _rates = rates;
        _schedulers = schedulers;
        Warnings = warnings;
    }

    /// <summary>The rate of every group for the next iteration. The same list for the whole life of the schedule.</summary>
    public IReadOnlyList<double> Rates => _rates.Current;

    /// <summary>Sentences about schedules that do what nobody wants, such as one that ends before training does.</summary>
    public IReadOnlyList<string> Warnings { get; }

    /// <summary>Creates the schedule of a run for the groups of a table, at its first iteration.</summary>
    /// <param name="schedulers">The entries of <c>param_scheduler</c>, in order; none leaves the rates as they are.</param>
    /// <param name="groups">The parameter groups with their own rates.</param>
    /// <param name="epochLength">Iterations of an epoch.</param>
    /// <param name="maxEpochs">Epochs of the run; null if it is measured in iterations.</param>
    /// <param name="maxIterations">Iterations of the run; null if it is measured in epochs.</param>
    /// <exception cref="ScheduleException">A scheduler misses a value, has one that cannot work, or a window without a step.</exception>
    public static LearningRateSchedule Create(
        IReadOnlyList<SchedulerOptions> schedulers, ParameterGroupTable groups, int epochLength, int? maxEpochs, long? maxIterations = null)
    {
        ArgumentNullException.ThrowIfNull(groups);
        return Create(
            schedulers,
            [.. groups.Groups.Select(group => group.Name)],
            [.. groups.Groups.Select(group => group.LearningRate)],
            epochLength,
            maxEpochs,
            maxIterations);
    }

    /// <summary>Creates the schedule of a run for groups known by their rates only; they are named by their index.</summary>
    /// <param name="schedulers">The entries of <c>param_scheduler</c>, in order.</param>
    /// <param name="groupRates">The rate of every group.</param>
    /// <param name="epochLength">Iterations of an epoch.</param>
    /// <param name="maxEpochs">Epochs of the run; null if it is measured in iterations.</param>
    /// <param name="maxIterations">Iterations of the run; null if it is measured in epochs.</param>
    /// <exception cref="ScheduleException">A scheduler misses a value, has one that cannot work, or a window without a step.</exception>
    public static LearningRateSchedule Create(
        IReadOnlyList<SchedulerOptions> schedulers, IReadOnlyList<double> groupRates, int epochLength, int? maxEpochs, long? maxIterations = null)
    {
        ArgumentNullException.ThrowIfNull(groupRates);
        var names = Enumerable.Range(0, groupRates.Count).Select(index => FormattableString.Invariant($"{index}")).ToArray();
        return Create(schedulers, names, [.. groupRates], epochLength, maxEpochs, maxIterations);
    }

    /// <summary>Moves on after an iteration, which is a micro-batch as in MMEngine, whether or not it ended in an update.</summary>
    public void AfterIteration() => Step(byEpoch: false);

    /// <summary>Moves on after the last iteration of an epoch, after <see cref="AfterIteration"/> and before validation.</summary>
    public void AfterEpoch() => Step(byEpoch: true);

    /// <summary>Tells ReduceOnPlateauLR what the validation of an epoch measured; the other schedules ignore it.</summary>
    /// <param name="metrics">Metrics by name; "loss" is the default of <see cref="SchedulerOptions.Monitor"/>.</param>
    /// <exception cref="ScheduleException">The monitored metric was not measured.</exception>
    public void AfterValidation(IReadOnlyDictionary<string, double> metrics)
    {
        ArgumentNullException.ThrowIfNull(metrics);
        foreach (var scheduler in _schedulers)
        {
            if (scheduler is PlateauScheduler plateau)
            {
                plateau.Observe(_rates, metrics);
            }
        }
    }

    /// <summary>What a checkpoint needs to go on exactly here.</summary>
    public ScheduleState SaveState() => new()
    {
        Groups = [.. _groups.Zip(_rates.Current, (group, rate) => new GroupRateState(group, rate))],
        Schedulers = [.. _schedulers.Select(scheduler => scheduler.SaveState())],
    };

    /// <summary>Goes on where a state was saved. Groups are matched by name.</summary>
    /// <exception cref="ScheduleException">The state is of other groups or other schedulers.</exception>
    public void LoadState(ScheduleState state)
    {
        ArgumentNullException.ThrowIfNull(state);
        var saved = state.Groups.ToDictionary(group => group.Group, group => group.Rate, StringComparer.Ordinal);
        if (saved.Count != _groups.Length || !_groups.All(saved.ContainsKey))
        {
            throw new ScheduleException(
                $"The saved schedule is of the groups {List(saved.Keys)}, but this run has {List(_groups)}: resume with the same optim_wrapper and frozen settings.");
        }

        if (!state.Schedulers.Select(scheduler => scheduler.Type).SequenceEqual(_schedulers.Select(scheduler => scheduler.Kind)))
        {
            throw new ScheduleException(
                $"The saved schedule is {List(state.Schedulers.Select(scheduler => scheduler.Type.ToString()))}, but param_scheduler is {List(_schedulers.Select(scheduler => scheduler.Kind.ToString()))}: resume with the same list of types.");
        }

        for (var index = 0; index < _groups.Length; index++)
        {
            _rates.Current[index] = saved[_groups[index]];
        }

        for (var index = 0; index < _schedulers.Length; index++)
        {
            _schedulers[index].LoadState(state.Schedulers[index]);
        }
    }

    private static LearningRateSchedule Create(
        IReadOnlyList<SchedulerOptions> options, string[] names, double[] rates, int epochLength, int? maxEpochs, long? maxIterations)
    {
        ArgumentNullException.ThrowIfNull(options);
        ArgumentOutOfRangeException.ThrowIfLessThan(epochLength, 1);
        var length = RunLength.Of(epochLength, maxEpochs, maxIterations);
        var table = new RateTable(rates);
        var windows = new SchedulerWindow[options.Count];
        var schedulers = new StepScheduler[options.Count];
        for (var index = 0; index < options.Count; index++)
        {
            // Each constructor takes the first step, as in MMEngine, so a scheduler starts from what those before it left.
            windows[index] = SchedulerWindow.Of(options[index], index, length);
            schedulers[index] = SchedulerFactory.Create(options[index], windows[index], table);
        }

        var warnings = ScheduleWarnings.Find(options, windows, names, rates, length);
        return new LearningRateSchedule(names, table, schedulers, warnings);
    }

    private static string List(IEnumerable<string> names) => $"[{string.Join(", ", names)}]";

    private void Step(bool byEpoch)
    {
        foreach (var scheduler in _schedulers)
        {
            if (scheduler.ByEpoch == byEpoch)
            {
                scheduler.Step(_rates);
            }
        }
    }
}
