using System.Text.Json;

namespace OrtZero.EndToEnd;

public sealed class TraceTests
{
    [Theory]
    [InlineData(1, "gather parameters")]
    [InlineData(3, "gather parameter")]
    public void Every_rank_writes_a_chrome_trace_of_what_it_computed_and_communicated(int stage, string gather)
    {
        using var job = Job.Vlm().With("log.trace", "true").With("zero_optimization.stage", $"{stage}").With("zero_optimization.stage3_param_persistence_threshold", "1000");

        ProgramRun.Train(2, job.Configuration, "--max-iters", "4");

        for (var rank = 0; rank < 2; rank++)
        {
            using var document = JsonDocument.Parse(File.ReadAllBytes(Path.Combine(job.WorkDir, "trace", $"rank-{rank}.json")));
            var events = document.RootElement.GetProperty("traceEvents").EnumerateArray().ToList();
            var lanes = events.Where(entry => Text(entry, "ph") == "M" && Text(entry, "name") == "thread_name")
                .ToDictionary(entry => entry.GetProperty("tid").GetInt32(), entry => Text(entry.GetProperty("args"), "name"));
            var spans = events.Where(entry => Text(entry, "ph") == "X").ToList();
            Assert.All(spans, entry =>
            {
                Assert.Equal(rank, entry.GetProperty("pid").GetInt32());
                Assert.Equal(lanes[entry.GetProperty("tid").GetInt32()], Text(entry, "cat"));
                Assert.InRange(entry.GetProperty("ts").GetDouble(), 0, 1e9);
                Assert.InRange(entry.GetProperty("dur").GetDouble(), 0, 1e9);
            });
            Assert.Equal(4, spans.Count(entry => Text(entry, "name") == "forward and backward"));
            Assert.Superset(new HashSet<string> { "data", "optimizer", "reduce gradients", "gradient norm", gather }, spans.Select(entry => Text(entry, "name")).ToHashSet());
            var summary = document.RootElement.GetProperty("otherData");
            Assert.InRange(summary.GetProperty("hidden_ms").GetDouble(), 0, summary.GetProperty("communication_ms").GetDouble());
        }

        using var printed = ProgramRun.RankWorker(1, ["trace", job.WorkDir]);
        printed.Expect(0);
        Assert.Matches(@"^rank   iteration   communication   hidden   share\n +0 +[1-9][\d.]* ms +[\d.]+ ms +[\d.]+ ms +[\d.]+%\n +1 +[1-9][\d.]* ms +[\d.]+ ms +[\d.]+ ms +[\d.]+%\n$", printed.Output);
    }

    [Fact]
    public void A_folder_without_traces_is_named_with_the_fix()
    {
        using var job = Job.Vlm();
        using var run = ProgramRun.RankWorker(1, ["trace", job.Folder]);

        run.Expect(2);

        Assert.Contains("holds no rank-N.json: train with \"log\": { \"trace\": true } first.", run.Error, StringComparison.Ordinal);
    }

    private static string Text(JsonElement element, string name) => element.GetProperty(name).GetString()!;
}
