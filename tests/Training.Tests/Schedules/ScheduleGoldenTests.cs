using System.Text.Json;

namespace OrtZero.Training.Tests;

public sealed class ScheduleGoldenTests
{
    private static readonly JsonElement s_cases = JsonDocument
        .Parse(File.ReadAllText(RepositoryPaths.Fixture("golden", "schedulers.json"))).RootElement.GetProperty("cases");

    private static readonly string[] s_names =
    [
        "xtuner_default_fixed", "linear_warmup_iter", "cosine_iter_eta_min_ratio", "cosine_T_max_periodic", "multistep_epoch",
        "step_iter", "exp_epoch_to_iter", "poly_iter", "constant_then_cosine_gap", "onecycle", "plateau", "cosine_restart",
    ];

    public static TheoryData<string> Cases => [.. s_names];

    [Fact]
    public void No_case_of_the_golden_file_is_left_out() => Assert.Equal(
        s_names, s_cases.EnumerateArray().Select(entry => entry.GetProperty("name").GetString()!));

    [Theory]
    [MemberData(nameof(Cases))]
    public void Rates_are_MMEngines(string name)
    {
        var entry = Case(name);
        var schedule = Create(entry);
        Follow(entry, schedule, 0, TotalIterations(entry));
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void A_schedule_resumed_from_json_anywhere_goes_on_bit_by_bit(string name)
    {
        var entry = Case(name);
        var total = TotalIterations(entry);
        for (var stop = 1; stop < total; stop += 1 + (total / 12))
        {
            var schedule = Create(entry);
            Follow(entry, schedule, 0, stop);
            var resumed = Create(entry);
            resumed.LoadState(JsonSerializer.Deserialize<ScheduleState>(JsonSerializer.Serialize(schedule.SaveState()))!);
            for (var iteration = stop; iteration < total; iteration++)
            {
                Assert.Equal(schedule.Rates, resumed.Rates);
                Advance(entry, schedule, iteration);
                Advance(entry, resumed, iteration);
            }
        }
    }

    private static JsonElement Case(string name) => s_cases.EnumerateArray().Single(entry => entry.GetProperty("name").GetString() == name);

    private static int TotalIterations(JsonElement entry) => entry.GetProperty("lrs").GetArrayLength();

    private static LearningRateSchedule Create(JsonElement entry) => LearningRateSchedule.Create(
        [.. entry.GetProperty("param_scheduler").EnumerateArray().Select(SchedulerJson.Read)],
        [.. entry.GetProperty("groups").EnumerateArray().Select(group => group[0].GetDouble())],
        entry.GetProperty("epoch_length").GetInt32(),
        entry.GetProperty("max_epochs").GetInt32());

    private static void Follow(JsonElement entry, LearningRateSchedule schedule, int from, int to)
    {
        var expected = entry.GetProperty("lrs");
        for (var iteration = from; iteration < to; iteration++)
        {
            for (var group = 0; group < schedule.Rates.Count; group++)
            {
                var golden = expected[iteration][group].GetDouble();
                Assert.True(
                    Math.Abs(schedule.Rates[group] - golden) <= 1e-12 * Math.Abs(golden),
                    $"iteration {iteration}, group {group}: {schedule.Rates[group]:R} instead of {golden:R}");
            }

            Advance(entry, schedule, iteration);
        }
    }

    private static void Advance(JsonElement entry, LearningRateSchedule schedule, int iteration)
    {
        schedule.AfterIteration();
        var epochLength = entry.GetProperty("epoch_length").GetInt32();
        if ((iteration + 1) % epochLength != 0)
        {
            return;
        }

        schedule.AfterEpoch();
        if (entry.TryGetProperty("metrics", out var metrics))
        {
            schedule.AfterValidation(metrics[iteration / epochLength].EnumerateObject()
                .ToDictionary(metric => metric.Name, metric => metric.Value.GetDouble()));
        }
    }
}
