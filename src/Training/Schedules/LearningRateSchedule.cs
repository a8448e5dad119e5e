using OrtZero.Sharding;
using OrtZero.Training.Internal;

namespace OrtZero.Training;

/// <summary>
/// The learning rate, momentum and weight decay of every parameter group over a run, exactly as MMEngine's parameter schedulers give it: every scheduler
/// changes the current value step by step, so that schedulers chain, leave gaps and overlap as they do there.
/// </summary>
public sealed class LearningRateSchedule
{
    private readonly string[] _groups;
    private readonly RateTable[] _tables;
    private readonly StepScheduler[] _schedulers;
    private readonly RateTable[] _tableOf;

    private LearningRateSchedule(
        string[] groups, RateTable[] tables, StepScheduler[] schedulers, RateTable[] tableOf, ScheduleFindings findings)
    {
        _groups = groups;
        _tables = tables;
        _tableOf = tableOf;
        _schedulers = schedulers;
        Warnings = findings.Warnings;
        Corrections = findings.Corrections;
    }

    /// <summary>The rate of every group for the next iteration. The same list for the whole life of the schedule.</summary>
    public IReadOnlyList<double> Rates => _tables[(int)ScheduledParameter.LearningRate].Current;

    /// <summary>The momentum (Adam's beta1) of every group for the next iteration. The same list for the whole life of the schedule.</summary>
    public IReadOnlyList<double> Momenta => _tables[(int)ScheduledParameter.Momentum].Current;

    /// <summary>The weight decay of every group for the next iteration. The same list for the whole life of the schedule.</summary>
    public IReadOnlyList<double> WeightDecays => _tables[(int)ScheduledParameter.WeightDecay].Current;

    /// <summary>Sentences about schedules that do what nobody wants, such as one that ends before training does.</summary>
    public IReadOnlyList<string> Warnings { get; }

    /// <summary>What the entries of <c>param_scheduler</c> that are warned of were probably meant to be, by their index.</summary>
    public IReadOnlyDictionary<int, SchedulerOptions> Corrections { get; }

    /// <summary>Whether a schedule changes a parameter of the groups at all.</summary>
    public bool Changes(ScheduledParameter parameter) => Array.IndexOf(_tableOf, _tables[(int)parameter]) >= 0;

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
            [
                [.. groups.Groups.Select(group => group.LearningRate)],
                [.. groups.Groups.Select(group => groups.Optimizer.HasMomentum ? group.Momentum : group.Beta1)],
                [.. groups.Groups.Select(group => group.WeightDecay)],
            ],
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
        return Create(schedulers, names, [[.. groupRates], new double[names.Length], new double[names.Length]], epochLength, maxEpochs, maxIterations);
    }

    /// <summary>Whether what validation measures moves a schedule, so that its place does not follow from the iteration alone.</summary>
    public bool FollowsMetrics => Array.Exists(_schedulers, scheduler => scheduler is PlateauScheduler);

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
        for (var index = 0; index < _schedulers.Length; index++)
        {
            if (_schedulers[index] is PlateauScheduler plateau)
            {
                plateau.Observe(_tableOf[index], metrics);
            }
        }
    }

    /// <summary>What a checkpoint needs to go on exactly here.</summary>
    public ScheduleState SaveState() => new()
    {
        Groups = [.. _groups.Select((group, index) => new GroupRateState(group, Rates[index]) { Momentum = Momenta[index], WeightDecay = WeightDecays[index] })],
        Schedulers = [.. _schedulers.Select(scheduler => scheduler.SaveState())],
    };

    /// <summary>Goes on where a state was saved. Groups are matched by name.</summary>
    /// <exception cref="ScheduleException">The state is of other groups or other schedulers.</exception>
    public void LoadState(ScheduleState state)
    {
        ArgumentNullException.ThrowIfNull(state);
        var saved = state.Groups.ToDictionary(group => group.Group, StringComparer.Ordinal);
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
            var group = saved[_groups[index]];
            _tables[(int)ScheduledParameter.LearningRate].Current[index] = group.Rate;
            _tables[(int)ScheduledParameter.Momentum].Current[index] = group.Momentum;
            _tables[(int)ScheduledParameter.WeightDecay].Current[index] = group.WeightDecay;
        }

        for (var index = 0; index < _schedulers.Length; index++)
        {
            _schedulers[index].LoadState(state.Schedulers[index]);
        }
    }

    private static LearningRateSchedule Create(
        IReadOnlyList<SchedulerOptions> options, string[] names, double[][] values, int epochLength, int? maxEpochs, long? maxIterations)
    {
        ArgumentNullException.ThrowIfNull(options);
        ArgumentOutOfRangeException.ThrowIfLessThan(epochLength, 1);
        var length = RunLength.Of(epochLength, maxEpochs, maxIterations);
        var tables = Array.ConvertAll(values, value => new RateTable(value));
        var tableOf = new RateTable[options.Count];
        var windows = new SchedulerWindow[options.Count];
        var schedulers = new StepScheduler[options.Count];
        for (var index = 0; index < options.Count; index++)
        {
            // Each constructor takes the first step, as in MMEngine, so a scheduler starts from what those before it left.
            windows[index] = SchedulerWindow.Of(options[index], index, length);
            tableOf[index] = tables[(int)SchedulerNames.Parameter(options[index], windows[index].Place)];
            schedulers[index] = SchedulerFactory.Create(options[index], windows[index], tableOf[index]);
        }

        return new LearningRateSchedule(names, tables, schedulers, tableOf, new ScheduleFindings(options, windows, names, values, length));
    }

    private static string List(IEnumerable<string> names) => $"[{string.Join(", ", names)}]";

    private void Step(bool byEpoch)
    {
        for (var index = 0; index < _schedulers.Length; index++)
        {
            if (_schedulers[index].ByEpoch == byEpoch)
            {
                _schedulers[index].Step(_tableOf[index]);
            }
        }
    }
}
