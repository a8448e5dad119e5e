using OrtZero.Sharding;

namespace OrtZero.Training.Tests;

public sealed class ScheduledParameterTests
{
    private static readonly ParameterGroupTable s_groups = ParameterGroupTable.Resolve(
        [new ParameterDescription("encoder.weight", [2, 2], ParameterKind.Linear), new ParameterDescription("head.weight", [2, 2], ParameterKind.Linear)],
        new OptimizerSettings { LearningRate = 1e-3, WeightDecay = 0.1, Beta1 = 0.9 },
        new ParamwiseRules { CustomKeys = new Dictionary<string, CustomKeyRule> { ["encoder."] = new() { LrMult = 0.1, DecayMult = 0.5 } } },
        []);

    public static TheoryData<SchedulerKind> CurvesWithTwins =>
    [
        SchedulerKind.LinearLR, SchedulerKind.ConstantLR, SchedulerKind.ExponentialLR, SchedulerKind.StepLR, SchedulerKind.MultiStepLR,
        SchedulerKind.CosineAnnealingLR, SchedulerKind.CosineRestartLR, SchedulerKind.PolyLR, SchedulerKind.ReduceOnPlateauLR,
    ];

    [Theory]
    [MemberData(nameof(CurvesWithTwins))]
    public void A_twin_gives_its_parameter_the_curve_of_the_rate_and_nothing_else(SchedulerKind kind)
    {
        var curve = kind.ToString()[..^2];
        var rate = Curve(OptionsOf(kind), schedule => schedule.Rates);
        foreach (var (type, name) in new[] { ("Momentum", ScheduledParameter.Momentum), ("WeightDecay", ScheduledParameter.WeightDecay) })
        {
            var twin = OptionsOf(Enum.Parse<SchedulerKind>(curve + type));
            var generic = OptionsOf(Enum.Parse<SchedulerKind>(curve + "ParamScheduler")) with { ParamName = name };
            IReadOnlyList<double> Read(LearningRateSchedule schedule) => name == ScheduledParameter.Momentum ? schedule.Momenta : schedule.WeightDecays;
            var values = Curve(twin, Read);
            Assert.Equal(values, Curve(generic, Read));
            Assert.All(Curve(twin, schedule => schedule.Rates), rates => Assert.Equal([1e-4, 1e-3], rates));
            for (var iteration = 0; iteration < rate.Count; iteration++)
            {
                for (var group = 0; group < 2; group++)
                {
                    Assert.Equal(rate[iteration][group] / rate[0][group], values[iteration][group] / values[0][group], 1e-12);
                }
            }
        }
    }

    [Fact]
    public void Rate_momentum_and_decay_are_scheduled_side_by_side()
    {
        var schedule = LearningRateSchedule.Create(
            [
                new() { Type = SchedulerKind.CosineAnnealingLR, ByEpoch = false },
                new() { Type = SchedulerKind.LinearMomentum, StartFactor = 0.5, ByEpoch = false },
                new() { Type = SchedulerKind.ExponentialWeightDecay, Gamma = 0.5, ByEpoch = false },
            ],
            s_groups, 5, 1);
        schedule.AfterIteration();
        schedule.AfterIteration();

        Assert.Equal(1e-3 * (1 + Math.Cos(Math.PI * 2 / 5)) / 2, schedule.Rates[1], 1e-15);
        Assert.Equal([0.9 * 0.75, 0.9 * 0.75], schedule.Momenta.Select(value => Math.Round(value, 12)));
        Assert.Equal([0.05 / 4, 0.1 / 4], schedule.WeightDecays);
        Assert.True(schedule.Changes(ScheduledParameter.Momentum));
        Assert.True(schedule.Changes(ScheduledParameter.WeightDecay));
    }

    [Fact]
    public void Values_listed_per_group_are_each_groups_own()
    {
        var cosine = LearningRateSchedule.Create(
            [new() { Type = SchedulerKind.CosineAnnealingLR, TMax = 5, EtaMin = new PerGroup([1e-5, 2e-4], true), ByEpoch = false }], s_groups, 11, 1);
        var cycle = LearningRateSchedule.Create(
            [new() { Type = SchedulerKind.OneCycleLR, EtaMax = new PerGroup([0.1, 1], true), ByEpoch = false }], s_groups, 10, 1);
        var plateau = LearningRateSchedule.Create(
            [new() { Type = SchedulerKind.ReduceOnPlateauLR, Patience = 0, MinValue = new PerGroup([5e-5, 0], true) }], s_groups, 10, 1);
        for (var iteration = 0; iteration < 5; iteration++)
        {
            cosine.AfterIteration();
            plateau.AfterValidation(new Dictionary<string, double> { ["loss"] = 1 });
        }

        cycle.AfterIteration();
        cycle.AfterIteration();
        Assert.Equal([1e-5, 2e-4], cosine.Rates.Select(rate => Math.Round(rate, 15)));
        Assert.Equal([0.1, 1], cycle.Rates);
        Assert.Equal([5e-5, 1e-7], plateau.Rates.Select(rate => Math.Round(rate, 15)));
        Assert.Empty(cycle.Warnings);
    }

    public static TheoryData<SchedulerOptions, string> Corrected => new()
    {
        // The schedule that made XTuner's users file bugs: T_max in epochs, the window one epoch by default.
        {
            new() { Type = SchedulerKind.CosineAnnealingLR, TMax = 3, EtaMin = 0, ConvertToIterBased = true },
            """{ "type": "CosineAnnealingLR", "convert_to_iter_based": true, "end": 3, "eta_min": 0 }"""
        },
        {
            new() { Type = SchedulerKind.CosineAnnealingLR, EtaMin = 2e-4, End = 3 },
            """{ "type": "CosineAnnealingLR", "end": 3, "eta_min_ratio": 0.2 }"""
        },
        {
            new() { Type = SchedulerKind.LinearLR, StartFactor = 0.1, End = 1 },
            """{ "type": "LinearLR", "convert_to_iter_based": true, "end": 1, "start_factor": 0.1 }"""
        },
        {
            new() { Type = SchedulerKind.OneCycleLR, EtaMax = 0.01, ByEpoch = false },
            """{ "type": "OneCycleLR", "by_epoch": false, "eta_max": [0.001, 0.01] }"""
        },
        {
            new() { Type = SchedulerKind.WarmupCosineLR, WarmupNumSteps = 10, TotalNumSteps = 100, ByEpoch = false },
            """{ "type": "WarmupCosineLR", "by_epoch": false, "warmup_num_steps": 10 }"""
        },
    };

    [Theory]
    [MemberData(nameof(Corrected))]
    public void What_is_warned_of_comes_with_the_line_that_was_probably_meant(SchedulerOptions options, string json)
    {
        var schedule = LearningRateSchedule.Create([options], s_groups, 100, null, 300);

        Assert.NotEmpty(schedule.Warnings);
        Assert.Equal(json, Assert.Single(schedule.Corrections).Value.ToJson());
        Assert.Empty(LearningRateSchedule.Create([schedule.Corrections[0]], s_groups, 100, null, 300).Warnings);
    }

    private static SchedulerOptions OptionsOf(SchedulerKind kind)
    {
        var name = kind.ToString();
        var options = new SchedulerOptions { Type = kind, ByEpoch = false };
        return name.StartsWith("Exponential", StringComparison.Ordinal) ? options with { Gamma = 0.9 }
            : name.StartsWith("Step", StringComparison.Ordinal) ? options with { StepSize = 3 }
            : name.StartsWith("MultiStep", StringComparison.Ordinal) ? options with { Milestones = [2, 5] }
            : name.StartsWith("CosineRestart", StringComparison.Ordinal) ? options with { Periods = [5, 5], RestartWeights = [1, 0.5], EtaMinRatio = 0.1 }
            : name.StartsWith("Reduce", StringComparison.Ordinal) ? options with { ByEpoch = true }
            : options;
    }

    private static List<double[]> Curve(SchedulerOptions options, Func<LearningRateSchedule, IReadOnlyList<double>> read)
    {
        var schedule = LearningRateSchedule.Create([options], s_groups, 1, 10);
        var curve = new List<double[]>();
        for (var iteration = 0; iteration < 10; iteration++)
        {
            curve.Add([.. read(schedule)]);
            schedule.AfterIteration();
            schedule.AfterEpoch();
            schedule.AfterValidation(new Dictionary<string, double> { ["loss"] = 1 });
        }

        return curve;
    }
}
