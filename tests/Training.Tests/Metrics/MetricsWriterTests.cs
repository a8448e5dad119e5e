using System.Text.Json;

namespace OrtZero.Training.Tests;

public sealed class MetricsWriterTests : IDisposable
{
    private readonly string _folder = RepositoryPaths.NewTemporaryFolder();

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void A_line_has_the_documented_keys_and_can_be_read_while_the_run_goes_on()
    {
        using var writer = new MetricsWriter(_folder, new LogSection());
        writer.Write(Record(10) with { GradientNorm = 1.5, LossScale = 1024, Groups = [new GroupMetrics("base", 1e-4, 0.05), new GroupMetrics("visual_encoder.", 1e-5, 0)] });

        var line = Assert.Single(File.ReadAllLines(Path.Combine(_folder, "metrics.jsonl")));

        Assert.Equal(
            """{"iter":10,"epoch":0,"loss":0.25,"grad_norm":1.5,"lr":{"base":0.0001,"visual_encoder.":1E-05},"weight_decay":{"base":0.05,"visual_encoder.":0},"loss_scale":1024,"samples_per_second":100,"peak_rss_bytes":1000,"model_state_bytes":800,"skipped_updates":0}""",
            line);
    }

    [Fact]
    public void What_was_measured_of_groups_stands_beside_their_rates()
    {
        using var writer = new MetricsWriter(_folder, new LogSection());
        writer.Write(Record(10) with
        {
            Groups = [new GroupMetrics("a", 1e-4, 0) { Vitals = new GroupVitals(1.5, 20, 0.001, 0.25), Distance = 0.5 }, new GroupMetrics("asleep", 1e-5, 0)],
        });

        Assert.Contains(
            """
            "group_grad_norm":{"a":1.5,"asleep":null},"group_param_norm":{"a":20,"asleep":null},"group_update_ratio":{"a":0.001,"asleep":null},"group_zero_share":{"a":0.25,"asleep":null},"group_distance":{"a":0.5,"asleep":null},
            """.Trim(),
            Assert.Single(File.ReadAllLines(Path.Combine(_folder, "metrics.jsonl"))), StringComparison.Ordinal);
    }

    [Fact]
    public void Records_come_back_as_they_were_written()
    {
        var record = Record(10) with
        {
            Loss = double.NaN, GradientNorm = double.PositiveInfinity,
            Groups =
            [
                new GroupMetrics("base", 1e-4, 0.05), new GroupMetrics("watched", 1e-4, 0) { Vitals = new GroupVitals(1.5, 20, 0.001, 0.25), Distance = 0.5 },
                new GroupMetrics("skipped", 1e-4, 0) { Vitals = new GroupVitals(double.NaN, null, null, null) },
            ],
        };
        var validation = new ValidationRecord { Iteration = 10, Epoch = 1, Loss = 0.5, Metric = "token_accuracy", Value = 0.75, Samples = 8 };
        using (var writer = new MetricsWriter(_folder, new LogSection()))
        {
            writer.Write(record);
            writer.Write(validation);
        }

        var read = Assert.Single(MetricsWriter.Read(Path.Combine(_folder, "metrics.jsonl")));
        Assert.Equal(record with { Groups = [] }, read with { Groups = [] });
        Assert.Equal(record.Groups, read.Groups);
        Assert.Equal([validation], MetricsWriter.ReadValidations(Path.Combine(_folder, "validation.jsonl")));
    }

    [Fact]
    public void A_new_run_begins_anew_and_a_resumed_one_drops_what_it_will_write_again()
    {
        var path = Path.Combine(_folder, "metrics.jsonl");
        Write(null, 10, 20, 30);
        File.AppendAllText(path, "{\"iter\":40,\"lo");
        Write(20, 30, 40);
        Assert.Equal([10, 20, 30, 40], MetricsWriter.Read(path).Select(record => record.Iteration));

        Write(null, 10);
        Assert.Equal([10], MetricsWriter.Read(path).Select(record => record.Iteration));
        Assert.Equal(["metrics.jsonl", "validation.jsonl"], Directory.GetFiles(_folder).Select(Path.GetFileName).Order());
    }

    [Fact]
    public void A_line_that_is_no_record_is_named()
    {
        var path = Path.Combine(_folder, "metrics.jsonl");
        File.WriteAllText(path, "{\"iter\": 5}\n");

        Assert.Contains("metrics.jsonl line 1 is not a record", Assert.Throws<InvalidDataException>(() => MetricsWriter.Read(path).ToList()).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Nothing_is_written_that_is_switched_off()
    {
        using (var writer = new MetricsWriter(_folder, new LogSection { Jsonl = false }))
        {
            writer.Write(Record(1));
        }

        Assert.Empty(Directory.GetFileSystemEntries(_folder));
    }

    [Fact]
    public void A_summary_replaces_an_older_one_and_can_be_read_back()
    {
        var path = Path.Combine(_folder, "new", "summary.json");
        var summary = new RunSummary { Outcome = RunOutcome.Stopped, RunId = "r", Iterations = 5, Epochs = 0, WorldSize = 2, Loss = double.NaN };
        summary.Save(path);
        (summary with { Iterations = 6 }).Save(path);

        Assert.Equal(summary with { Iterations = 6 }, RunSummary.Load(path));
        using var json = JsonDocument.Parse(File.ReadAllText(path));
        Assert.Equal("stopped", json.RootElement.GetProperty("outcome").GetString());
        Assert.Equal(6, json.RootElement.GetProperty("iter").GetInt64());
        Assert.Equal("NaN", json.RootElement.GetProperty("loss").GetString());
        Assert.Single(Directory.GetFiles(Path.GetDirectoryName(path)!));
    }

    [Fact]
    public void A_damaged_summary_is_named()
    {
        var path = Path.Combine(_folder, "summary.json");
        File.WriteAllText(path, "{}");

        Assert.StartsWith(path, Assert.Throws<InvalidDataException>(() => RunSummary.Load(path)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Peak_memory_is_what_the_process_has_at_least_now()
    {
        Assert.InRange(ProcessMemory.PeakRssBytes(), 10_000_000, 1L << 40);
        Assert.Equal(5404L * 1024, ProcessMemory.ParsePeak("VmHWM:\t    5404 kB"));
        Assert.Null(ProcessMemory.ParsePeak("VmRSS:\t    5404 kB"));
    }

    private static MetricsRecord Record(long iteration) =>
        new() { Iteration = iteration, Epoch = 0, Loss = 0.25, SamplesPerSecond = 100, PeakRssBytes = 1000, ModelStateBytes = 800 };

    private void Write(long? resumed, params long[] iterations)
    {
        using var writer = new MetricsWriter(_folder, new LogSection(), resumed);
        foreach (var iteration in iterations)
        {
            writer.Write(Record(iteration));
        }
    }
}
