using System.Globalization;

namespace OrtZero.Training.Tests;

/// <summary>Odd combinations of schedules against an implementation of their own.</summary>
public sealed class ReferenceScheduleTests
{
    private const int Runs = 300;

    private static readonly double[] s_groups = [1e-3, 1e-4, 0.5];

    public static TheoryData<int> Seeds => [.. Enumerable.Range(1, 4)];

    [Theory]
    [MemberData(nameof(Seeds))]
    public void Any_list_of_schedules_gives_the_rates_of_the_reference(int seed)
    {
        var random = new Random(seed);
        var compared = 0;
        for (var run = 0; run < Runs; run++)
        {
            var (epochLength, epochs) = (random.Next(1, 9), random.Next(1, 9));
            SchedulerOptions[] options = [.. Enumerable.Range(0, random.Next(1, 5)).Select(_ => Draw(random, epochs, epochLength))];
            LearningRateSchedule schedule;
            try
            {
                schedule = LearningRateSchedule.Create(options, s_groups, epochLength, epochs);
            }
            catch (ScheduleException)
            {
                // A window without a step or a value that cannot work: there is nothing to compare.
                continue;
            }

            compared++;
            Compare(options, schedule, epochLength, epochs, random);
        }

        Assert.True(compared > Runs / 4, $"Only {compared} of {Runs} lists could be made.");
    }

    [Fact]
    public void Every_kind_of_schedule_is_among_them()
    {
        var random = new Random(1);
        var kinds = Enumerable.Range(0, 500).Select(_ => Draw(random, 3, 5).Type).Distinct();
        Assert.Equal(
            [
                SchedulerKind.LinearLR, SchedulerKind.ConstantLR, SchedulerKind.ExponentialLR, SchedulerKind.StepLR, SchedulerKind.MultiStepLR,
                SchedulerKind.CosineAnnealingLR, SchedulerKind.CosineRestartLR, SchedulerKind.PolyLR, SchedulerKind.OneCycleLR, SchedulerKind.ReduceOnPlateauLR,
            ],
            kinds.Order());
    }

    private static void Compare(SchedulerOptions[] options, LearningRateSchedule schedule, int epochLength, int epochs, Random random)
    {
        var reference = new ReferenceSchedule(options, s_groups, epochLength, epochs);
        for (var iteration = 0; iteration < epochLength * epochs; iteration++)
        {
            for (var group = 0; group < s_groups.Length; group++)
            {
                var (expected, actual) = (reference.Values[group], schedule.Rates[group]);
                // Where a cosine or polynomial comes to its end, what is left of the rate is a difference of almost equal numbers.
                var tolerance = 1e-12 * Math.Max(Math.Abs(expected), s_groups[group] * 1e-3);
                // Written so that a NaN on one side only is a difference.
                if (!(Math.Abs(expected - actual) <= tolerance) && !expected.Equals(actual))
                {
                    Assert.Fail(string.Create(CultureInfo.InvariantCulture, $"iteration {iteration} of {epochs} x {epochLength}, group {group}: {actual:R} instead of {expected:R} with [{string.Join(", ", options.Select(option => option.ToJson()))}]"));
                }
            }

            schedule.AfterIteration();
            reference.AfterIteration();
            if ((iteration + 1) % epochLength == 0)
            {
                schedule.AfterEpoch();
                reference.AfterEpoch();
                var loss = random.Next(-4, 5) / 4.0;
                schedule.AfterValidation(new Dictionary<string, double> { ["loss"] = loss });
                reference.AfterValidation(loss);
            }
        }
    }

    private static SchedulerOptions Draw(Random random, int epochs, int epochLength)
    {
        var kind = random.Next(10);
        var unit = kind == 9 ? 0 : random.Next(3);
        var steps = unit == 1 ? epochs * epochLength : epochs;
        var begin = random.Next(3) == 0 ? random.Next(steps) : 0;
        double? end = random.Next(3) == 0 ? random.Next(begin + 1, steps + 3) : null;
        var options = new SchedulerOptions
        {
            Type = default, ByEpoch = unit != 1, ConvertToIterBased = unit == 2,
            Begin = unit == 2 && random.Next(2) == 0 ? begin * 0.43 : begin, End = unit == 2 && end is not null ? end - 0.37 : end,
        };
        var length = (end ?? steps) - begin;
        double? least = random.Next(3) == 0 ? 2e-4 : null;
        double? share = least is null && random.Next(2) == 0 ? 0.05 : null;
        return kind switch
        {
            0 => options with { Type = SchedulerKind.LinearLR, StartFactor = Choose(random, null, 1e-5, 0.5, 1), EndFactor = Choose(random, null, 0.2, 1) },
            1 => options with { Type = SchedulerKind.ConstantLR, Factor = Choose(random, null, 0.1, 1) },
            2 => options with { Type = SchedulerKind.ExponentialLR, Gamma = Choose(random, 0.5, 0.9, 1.1) },
            3 => options with { Type = SchedulerKind.StepLR, StepSize = random.Next(1, 4), Gamma = Choose(random, null, 0.5) },
            4 => options with { Type = SchedulerKind.MultiStepLR, Milestones = [random.Next(1, 4), random.Next(1, 6), random.Next(1, 6)], Gamma = Choose(random, null, 0.5) },
            5 => options with { Type = SchedulerKind.CosineAnnealingLR, TMax = Choose(random, null, 1, 2, length), EtaMin = least is { } rate ? rate : null, EtaMinRatio = share },
            6 => options with
            {
                Type = SchedulerKind.CosineRestartLR, Periods = [random.Next(1, 4), random.Next(1, 4)], RestartWeights = [random.Next(2) == 0 ? 1 : 0.7, 0.5],
                EtaMin = share is null ? least ?? 0.0 : null, EtaMinRatio = share,
            },
            7 => options with { Type = SchedulerKind.PolyLR, Power = Choose(random, null, 0.5, 2), EtaMin = least is { } rate ? rate : null, EtaMinRatio = share },
            8 => options with
            {
                Type = SchedulerKind.OneCycleLR, EtaMax = 0.01, PctStart = Choose(random, null, 0.25, 0.4), ThreePhase = random.Next(2) == 0 ? true : null,
                AnnealStrategy = random.Next(2) == 0 ? AnnealStrategy.Linear : null, DivFactor = Choose(random, null, 10), FinalDivFactor = Choose(random, null, 100),
            },
            _ => options with
            {
                Type = SchedulerKind.ReduceOnPlateauLR, Rule = random.Next(2) == 0 ? PlateauRule.Greater : null, ThresholdRule = random.Next(2) == 0 ? ThresholdRule.Absolute : null,
                Threshold = Choose(random, null, 0.2), Patience = random.Next(0, 3), Cooldown = random.Next(0, 3), Factor = Choose(random, null, 0.5),
                MinValue = least is { } rate ? rate : null,
            },
        };
    }

    private static double? Choose(Random random, params ReadOnlySpan<double?> values) => values[random.Next(values.Length)];
}
