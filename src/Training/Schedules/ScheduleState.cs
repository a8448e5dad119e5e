namespace OrtZero.Training;

/// <summary>
/// What a checkpoint keeps of a <see cref="LearningRateSchedule"/>: plain numbers for JSON. The lengths and factors are not in
/// it; they come from the configuration, so that a run can be made longer when it is resumed.
/// </summary>
public sealed record ScheduleState
{
    /// <summary>The rate of every group, by name.</summary>
    public required IReadOnlyList<GroupRateState> Groups { get; init; }

    /// <summary>The position of every scheduler, in configuration order.</summary>
    public required IReadOnlyList<SchedulerState> Schedulers { get; init; }
}
