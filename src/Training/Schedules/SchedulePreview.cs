using OrtZero.Sharding;
using OrtZero.Training.Internal;

namespace OrtZero.Training;

/// <summary>What the schedules of a configuration make of every group, iteration by iteration, before anything is trained.</summary>
public sealed class SchedulePreview
{
    private readonly LearningRateSchedule _schedule;

    private SchedulePreview(TrainingConfiguration configuration, LearningRateSchedule schedule, FineTuningPhases phases, IReadOnlyList<string> groups, IterationPlan plan)
    {
        _schedule = schedule;
        Warnings = [.. schedule.Warnings, .. phases.Warnings];
        Groups = groups;
        Entries = configuration.ParamScheduler;
        IterationsPerEpoch = plan.IterationsPerEpoch;
        LearningRates = new double[plan.TotalIterations][];
        Momenta = schedule.Changes(ScheduledParameter.Momentum) ? new double[plan.TotalIterations][] : null;
        WeightDecays = schedule.Changes(ScheduledParameter.WeightDecay) ? new double[plan.TotalIterations][] : null;
        for (var iteration = 0L; iteration < plan.TotalIterations; iteration++)
        {
            var phase = phases.IndexAt(plan.BeginOfUpdate(iteration));
            LearningRates[iteration] = [.. schedule.Rates.Select((rate, group) => rate * phases.RateFactor(phase, group))];
            Momenta?[iteration] = [.. schedule.Momenta];
            WeightDecays?[iteration] = [.. schedule.WeightDecays];
            schedule.AfterIteration();
            if (plan.EndsEpoch(iteration + 1))
            {
                schedule.AfterEpoch();
            }
        }
    }

    /// <summary>The names of the groups.</summary>
    public IReadOnlyList<string> Groups { get; }

    /// <summary>The entries of <c>param_scheduler</c>.</summary>
    public IReadOnlyList<SchedulerOptions> Entries { get; }

    /// <summary>Iterations of an epoch, from the number of samples, micro_batch_size and the number of ranks.</summary>
    public int IterationsPerEpoch { get; }

    /// <summary>The rate of every group (inner) in every iteration (outer); 0 where a phase of fine-tuning lets the group sleep.</summary>
    public double[][] LearningRates { get; }

    /// <summary>The momentum of every group in every iteration. Null: no schedule changes it.</summary>
    public double[][]? Momenta { get; }

    /// <summary>The weight decay of every group in every iteration. Null: no schedule changes it.</summary>
    public double[][]? WeightDecays { get; }

    /// <summary>Sentences about schedules that do what nobody wants.</summary>
    public IReadOnlyList<string> Warnings { get; }

    /// <summary>What the entries that are warned of were probably meant to be, by their index.</summary>
    public IReadOnlyDictionary<int, SchedulerOptions> Corrections => _schedule.Corrections;

    /// <summary>Runs the schedules of a configuration. Of the data only its length is looked at.</summary>
    /// <param name="configuration">The configuration.</param>
    /// <param name="groups">Its parameter groups.</param>
    /// <param name="worldSize">The number of ranks it is to be trained on.</param>
    /// <exception cref="DataException">The training data cannot be opened.</exception>
    /// <exception cref="ScheduleException">A schedule cannot work.</exception>
    public static SchedulePreview Create(TrainingConfiguration configuration, ParameterGroupTable groups, int worldSize)
    {
        ArgumentNullException.ThrowIfNull(configuration);
        ArgumentNullException.ThrowIfNull(groups);
        ArgumentOutOfRangeException.ThrowIfLessThan(worldSize, 1);
        var samples = new List<int>();
        foreach (var data in Dataset.OpenBuckets(configuration.Data.Train, "data.train"))
        {
            samples.Add(data.Count);
            data.Dispose();
        }

        var sampler = new BucketSampler(
            samples, worldSize, 0, configuration.MicroBatchSize, shuffle: false, configuration.Randomness.Seed, configuration.Data.Train.DropLast,
            configuration.OptimWrapper.AccumulativeCounts);
        var plan = IterationPlan.Of(configuration, sampler.IterationsPerEpoch, null);
        var schedule = LearningRateSchedule.Create(
            configuration.ParamScheduler, groups, plan.IterationsPerEpoch, configuration.TrainCfg.MaxEpochs, configuration.TrainCfg.MaxIters);
        var phases = FineTuningPhases.Of(configuration, groups, plan.IterationsPerEpoch, plan.TotalIterations);
        return new SchedulePreview(configuration, schedule, phases, [.. groups.Groups.Select(group => group.Name)], plan);
    }
}
