namespace OrtZero.Training.Tests;

/// <summary>DeepSpeed's schedules and WSD, against their formulas worked out by hand.</summary>
public sealed class FactorScheduleTests
{
    public static TheoryData<SchedulerOptions, double[]> Curves => new()
    {
        // ln(s + 1) / ln(4).
        { new() { Type = SchedulerKind.WarmupLR, WarmupNumSteps = 4 }, [0, 0.5, 0.792481250360578, 1, 1, 1, 1, 1, 1, 1] },
        // s / 5.
        { new() { Type = SchedulerKind.WarmupLR, WarmupNumSteps = 5, WarmupType = WarmupType.Linear }, [0, 0.2, 0.4, 0.6, 0.8, 1, 1, 1, 1, 1] },
        // A warmup of one step is made two.
        { new() { Type = SchedulerKind.WarmupLR, WarmupNumSteps = 1, WarmupType = WarmupType.Linear, WarmupMinRatio = 0.5 }, [0.5, 0.75, 1, 1, 1, 1, 1, 1, 1, 1] },
        // 0.1 + 0.9 s / 4, then 0.1 + 0.9 (10 - s) / 6.
        {
            new() { Type = SchedulerKind.WarmupDecayLR, WarmupNumSteps = 4, WarmupType = WarmupType.Linear, WarmupMinRatio = 0.1 },
            [0.1, 0.325, 0.55, 0.775, 1, 0.85, 0.7, 0.55, 0.4, 0.25]
        },
        // After total_num_steps the lowest rate stays.
        {
            new() { Type = SchedulerKind.WarmupDecayLR, WarmupNumSteps = 2, TotalNumSteps = 6, WarmupType = WarmupType.Linear },
            [0, 0.5, 1, 0.75, 0.5, 0.25, 0, 0, 0, 0]
        },
        // 1e-4 + 0.9999 (1 + cos(pi (s - 1) / 4)) / 2 for s = 2, 3, 4, 5 and beyond.
        {
            new() { Type = SchedulerKind.WarmupCosineLR, WarmupNumSteps = 2, TotalNumSteps = 6 },
            [0, 1, 0.8535680352542179, 0.50005, 0.14653196474578205, 1e-4, 1e-4, 1e-4, 1e-4, 1e-4]
        },
        // Warmup (s + 1) / 2; stable to s = 6; then p = (s - 6) / 4.
        { new() { Type = SchedulerKind.WSD, WarmupSteps = 2, DecaySteps = 4 }, [0.5, 1, 1, 1, 1, 1, 1, 0.75, 0.5, 0.25] },
        {
            new() { Type = SchedulerKind.WSD, WarmupSteps = 2, DecaySteps = 4, DecayType = DecayType.OneMinusSqrt, EtaMinRatio = 0.2 },
            [0.5, 1, 1, 1, 1, 1, 1, 0.6, 0.4343145750507620, 0.3071796769724491]
        },
        {
            new() { Type = SchedulerKind.WSD, DecaySteps = 4, DecayType = DecayType.Cosine },
            [1, 1, 1, 1, 1, 1, 1, 0.8535533905932737, 0.5, 0.1464466094067263]
        },
    };

    [Theory]
    [MemberData(nameof(Curves))]
    public void Every_group_keeps_its_own_rate_times_the_curve(SchedulerOptions options, double[] factors)
    {
        var schedule = LearningRateSchedule.Create([options with { ByEpoch = false }], [1e-3, 1e-4], 10, 1);
        foreach (var factor in factors)
        {
            Assert.Equal(1e-3 * factor, schedule.Rates[0], 1e-15);
            Assert.Equal(1e-4 * factor, schedule.Rates[1], 1e-16);
            schedule.AfterIteration();
        }
    }

    [Fact]
    public void Lengths_in_epochs_become_iterations()
    {
        SchedulerOptions options = new() { Type = SchedulerKind.WSD, WarmupSteps = 1, DecaySteps = 1, ConvertToIterBased = true };
        var schedule = LearningRateSchedule.Create([options], [1.0], 4, 3);
        var rates = new List<double>();
        for (var iteration = 0; iteration < 12; iteration++)
        {
            rates.Add(schedule.Rates[0]);
            schedule.AfterIteration();
        }

        Assert.Equal([0.25, 0.5, 0.75, 1, 1, 1, 1, 1, 1, 0.75, 0.5, 0.25], rates);
    }

    public static TheoryData<SchedulerOptions, string> Refused => new()
    {
        { new() { Type = SchedulerKind.WarmupLR }, "counts iterations: add \"by_epoch\": false" },
        { new() { Type = SchedulerKind.WarmupDecayLR, ByEpoch = false }, "has 60 steps in all, but its warmup alone takes 1000" },
        { new() { Type = SchedulerKind.WSD, ByEpoch = false }, "needs decay_steps" },
        { new() { Type = SchedulerKind.WSD, WarmupSteps = 50, DecaySteps = 20, ByEpoch = false }, "50 warmup_steps and 20 decay_steps in a window of 60" },
        { new() { Type = SchedulerKind.CosineAnnealingLR, EtaMin = new PerGroup([1, 2, 3], true) }, "lists 3 numbers as eta_min, but there are 2 groups" },
        { new() { Type = SchedulerKind.LinearParamScheduler }, "needs param_name" },
        { new() { Type = SchedulerKind.LinearLR, ParamName = ScheduledParameter.Momentum }, "has no param_name" },
    };

    [Theory]
    [MemberData(nameof(Refused))]
    public void Schedules_that_cannot_work_are_refused(SchedulerOptions options, string part) => Assert.Contains(
        part,
        Assert.Throws<ScheduleException>(() => LearningRateSchedule.Create([options], [1e-3, 1e-4], 20, 3)).Message,
        StringComparison.Ordinal);
}
