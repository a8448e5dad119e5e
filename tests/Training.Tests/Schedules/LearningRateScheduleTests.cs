namespace OrtZero.Training.Tests;

public sealed class LearningRateScheduleTests
{
    [Fact]
    public void Without_schedulers_the_rates_stay()
    {
        var schedule = LearningRateSchedule.Create([], [1e-3, 1e-4], 10, 3);
        Run(schedule, 30, 10);
        Assert.Equal([1e-3, 1e-4], schedule.Rates);
        Assert.Empty(schedule.Warnings);
    }

    [Fact]
    public void Schedules_by_epoch_change_at_the_ends_of_epochs()
    {
        var schedule = LearningRateSchedule.Create([new() { Type = SchedulerKind.ExponentialLR, Gamma = 0.5 }], [1.0], 4, 3);
        Assert.Equal(1.0, schedule.Rates[0]);
        Run(schedule, 4, 4);
        Assert.Equal(0.5, schedule.Rates[0]);
        Run(schedule, 3, 4);
        Assert.Equal(0.5, schedule.Rates[0]);
    }

    [Fact]
    public void Overlapping_schedules_multiply()
    {
        SchedulerOptions halving = new() { Type = SchedulerKind.ExponentialLR, Gamma = 0.5, ByEpoch = false };
        var schedule = LearningRateSchedule.Create([halving, halving], [1.0], 10, 1);
        Run(schedule, 3, 10);
        Assert.Equal(1.0 / 64, schedule.Rates[0]);
    }

    [Fact]
    public void A_run_made_longer_on_resume_goes_on_from_where_it_was()
    {
        SchedulerOptions[] options = [new() { Type = SchedulerKind.LinearLR, StartFactor = 1, EndFactor = 0.5, ByEpoch = false }];
        var first = LearningRateSchedule.Create(options, [1.0], 11, 1);
        Run(first, 10, 11);
        Assert.Equal(0.5, first.Rates[0], 12);
        var longer = LearningRateSchedule.Create(options, [1.0], 11, 2);
        longer.LoadState(first.SaveState());
        Assert.Equal(first.Rates, longer.Rates);
        Run(longer, 5, 11);
        Assert.True(longer.Rates[0] < 0.5);
    }

    [Fact]
    public void A_state_of_other_groups_or_schedulers_is_refused()
    {
        SchedulerOptions linear = new() { Type = SchedulerKind.LinearLR, ByEpoch = false };
        var state = LearningRateSchedule.Create([linear], [1.0], 10, 1).SaveState();
        Assert.Contains("is of the groups [0], but this run has [0, 1]", Assert.Throws<ScheduleException>(
            () => LearningRateSchedule.Create([linear], [1.0, 2.0], 10, 1).LoadState(state)).Message, StringComparison.Ordinal);
        Assert.Contains("is [LinearLR], but param_scheduler is []", Assert.Throws<ScheduleException>(
            () => LearningRateSchedule.Create([], [1.0], 10, 1).LoadState(state)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_plateau_that_monitors_what_is_not_measured_says_what_is()
    {
        var schedule = LearningRateSchedule.Create([new() { Type = SchedulerKind.ReduceOnPlateauLR, Monitor = "f1" }], [1.0], 10, 1);
        var error = Assert.Throws<ScheduleException>(
            () => schedule.AfterValidation(new Dictionary<string, double> { ["loss"] = 1, ["accuracy"] = 0.5 }));
        Assert.Contains("'f1', which validation does not measure: set monitor to one of accuracy, loss", error.Message, StringComparison.Ordinal);
    }

    public static TheoryData<SchedulerOptions, string> Warned => new()
    {
        { new() { Type = SchedulerKind.CosineAnnealingLR, End = 1, ConvertToIterBased = true }, "param_scheduler[0] (CosineAnnealingLR) ends at iteration 100 of 300, and the rate stays where it is then: set its end to 3 epochs." },
        { new() { Type = SchedulerKind.CosineAnnealingLR, TMax = 6, ConvertToIterBased = true }, "T_max 6, longer than its window of 3, so the rate stops at 50 % of the way down: leave T_max out or set end to 6." },
        { new() { Type = SchedulerKind.CosineAnnealingLR, TMax = 1, ConvertToIterBased = true }, "T_max 1, shorter than its window of 3, so the rate rises again" },
        { new() { Type = SchedulerKind.CosineAnnealingLR, EtaMin = 5e-4 }, "eta_min 0.0005 above the rate 0.0001 of the group '1'" },
        { new() { Type = SchedulerKind.LinearLR, End = 1 }, "window of one step" },
        { new() { Type = SchedulerKind.ConstantLR, Begin = 3, End = 5 }, "begins at iteration 300, but the run has 300: it never acts" },
        { new() { Type = SchedulerKind.OneCycleLR, EtaMax = 0.01, ByEpoch = false }, "sets every group to the same rate" },
        { new() { Type = SchedulerKind.CosineRestartLR, EtaMin = 0, Periods = [1, 1], RestartWeights = [1, 1], ConvertToIterBased = true }, "periods of 2 in all, fewer than its window of 3" },
    };

    [Theory]
    [MemberData(nameof(Warned))]
    public void Schedules_that_do_what_nobody_wants_are_reported(SchedulerOptions options, string part)
    {
        var schedule = LearningRateSchedule.Create([options], [1e-3, 1e-4], 100, 3);
        Assert.Contains(part, Assert.Single(schedule.Warnings), StringComparison.Ordinal);
    }

    [Fact]
    public void An_epoch_schedule_without_end_in_a_run_of_iterations_ends_after_one_epoch_and_says_so()
    {
        var schedule = LearningRateSchedule.Create(
            [new() { Type = SchedulerKind.CosineAnnealingLR, ConvertToIterBased = true }], [1e-3], 100, null, 300);
        Assert.Contains("ends at iteration 100 of 300 because by_epoch without end means one epoch", Assert.Single(schedule.Warnings), StringComparison.Ordinal);
    }

    [Fact]
    public void A_warmup_that_ends_early_is_no_mistake() => Assert.Empty(LearningRateSchedule.Create(
        [new() { Type = SchedulerKind.LinearLR, StartFactor = 0.1, End = 10, ByEpoch = false }], [1e-3], 100, 3).Warnings);

    public static TheoryData<SchedulerOptions, string> Refused => new()
    {
        { new() { Type = SchedulerKind.ExponentialLR }, "needs gamma, for example \"gamma\": 0.9" },
        { new() { Type = SchedulerKind.StepLR }, "needs step_size" },
        { new() { Type = SchedulerKind.MultiStepLR, Milestones = [] }, "needs milestones" },
        { new() { Type = SchedulerKind.OneCycleLR }, "needs eta_max" },
        { new() { Type = SchedulerKind.OneCycleLR, EtaMax = 1, TotalSteps = 50, ByEpoch = false }, "a cycle of 50 steps but takes 60" },
        { new() { Type = SchedulerKind.OneCycleLR, EtaMax = 1, TotalSteps = 10, End = 10, PctStart = 0.1, ByEpoch = false }, "a phase without a step" },
        { new() { Type = SchedulerKind.CosineRestartLR, Periods = [1] }, "needs eta_min or eta_min_ratio" },
        { new() { Type = SchedulerKind.CosineRestartLR, Periods = [1, 2], EtaMin = 0 }, "2 periods but 1 restart_weights" },
        { new() { Type = SchedulerKind.CosineAnnealingLR, EtaMin = 0, EtaMinRatio = 0.1 }, "eta_min and eta_min_ratio: keep one" },
        { new() { Type = SchedulerKind.LinearLR, StartFactor = 0 }, "start_factor 0, from which no multiplication leads back" },
        { new() { Type = SchedulerKind.LinearLR, TMax = 3 }, "has no T_max; its own keys are start_factor, end_factor" },
        { new() { Type = SchedulerKind.LinearLR, Begin = 3, End = 2 }, "ends before it begins (begin 3 and end 2)" },
        { new() { Type = SchedulerKind.LinearLR, End = 0.03, ConvertToIterBased = true }, "an epoch has only 20 iterations: raise end to at least 0.05" },
        { new() { Type = SchedulerKind.LinearLR, ByEpoch = false, ConvertToIterBased = true }, "convert_to_iter_based but by_epoch false" },
        { new() { Type = SchedulerKind.PolyLR, End = 2.5 }, "needs whole numbers as begin and end" },
        { new() { Type = SchedulerKind.ReduceOnPlateauLR, Factor = 1 }, "factor 1, which reduces nothing" },
        { new() { Type = SchedulerKind.ReduceOnPlateauLR, ByEpoch = false }, "works by epochs only" },
    };

    [Theory]
    [MemberData(nameof(Refused))]
    public void Schedules_that_cannot_work_are_refused(SchedulerOptions options, string part)
    {
        var error = Assert.Throws<ScheduleException>(() => LearningRateSchedule.Create([options], [1e-3], 20, 3));
        Assert.StartsWith($"param_scheduler[0] ({options.Type}) ", error.Message, StringComparison.Ordinal);
        Assert.Contains(part, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void An_iteration_allocates_nothing()
    {
        SchedulerOptions[] options =
        [
            new() { Type = SchedulerKind.LinearLR, End = 1, ConvertToIterBased = true },
            new() { Type = SchedulerKind.CosineAnnealingLR, Begin = 1, ConvertToIterBased = true },
            new() { Type = SchedulerKind.MultiStepLR, Milestones = [1, 2], ConvertToIterBased = true },
        ];
        var schedule = LearningRateSchedule.Create(options, [1e-3, 1e-4], 100, 3);
        Run(schedule, 150, 100);
        var before = GC.GetAllocatedBytesForCurrentThread();
        Run(schedule, 100, 100);
        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
    }

    private static void Run(LearningRateSchedule schedule, int iterations, int epochLength)
    {
        for (var iteration = 1; iteration <= iterations; iteration++)
        {
            schedule.AfterIteration();
            if (iteration % epochLength == 0)
            {
                schedule.AfterEpoch();
            }
        }
    }
}
