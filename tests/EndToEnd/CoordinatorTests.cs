using System.Text.Json;

namespace OrtZero.EndToEnd;

/// <summary>Training with a coordinator beside it: watched, steered, unreachable or dying.</summary>
public sealed class CoordinatorTests
{
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public void An_embedded_coordinator_shows_the_run_and_passes_on_what_is_asked_of_it(int ranks)
    {
        using var job = LongJob();
        using var run = ProgramRun.RankWorker(ranks, [job.Configuration]);
        run.WaitUntil(Reached(4), "the fourth iteration");
        var address = File.ReadAllText(job.PathOf("work/coordinator.address")).Trim();

        using var status = ProgramRun.Start(Published.Coordinator, ["status", "--address", address, "--json"]);
        var seen = JsonDocument.Parse(status.Expect(0).Output).RootElement;
        Assert.Equal("running", seen.GetProperty("state").GetString());
        Assert.Equal(ranks, seen.GetProperty("ranks").GetArrayLength());
        Assert.InRange(seen.GetProperty("last_metrics").GetProperty("iteration").GetInt64(), 1, 1_000_000);

        using var text = ProgramRun.Start(Published.Coordinator, ["status", "--address", address]);
        Assert.Contains("loss", text.Expect(0).Output, StringComparison.Ordinal);
        Assert.Contains("1000000", text.Output, StringComparison.Ordinal);

        using var checkpoint = ProgramRun.Start(Published.Coordinator, ["checkpoint", "--address", address]);
        checkpoint.Expect(0);
        run.WaitUntil(_ => Directory.Exists(job.PathOf("work/checkpoints")) && Checkpoints(job).Length == 1, "the checkpoint");

        using var stop = ProgramRun.Start(Published.Coordinator, ["stop", "--address", address]);
        stop.Expect(0);
        run.Expect(ProgramRun.Stopped);
        run.ExpectNothingLeft(TimeSpan.FromSeconds(10));
        Assert.Equal(2, Checkpoints(job).Length);
        Assert.Equal("stopped", job.Summary.GetProperty("outcome").GetString());
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public void Without_the_coordinator_it_asks_for_training_warns_and_completes(int ranks)
    {
        using var job = Job.Vlm().With("train_cfg", """{ "max_iters": 4 }""").With("coordinator.address", "\"127.0.0.1:1\"");
        using var run = ProgramRun.RankWorker(ranks, [job.Configuration]);
        run.Expect(0);
        Assert.True(File.Exists(job.TrainedModel));
        var warnings = (run.Output + run.Error).Split('\n').Where(line => line.Contains("warning:", StringComparison.Ordinal)).ToList();
        Assert.Contains(warnings, line => line.Contains("127.0.0.1:1", StringComparison.Ordinal));
        Assert.InRange(warnings.Count, 1, ranks);
    }

    [Fact]
    public void A_coordinator_that_dies_does_not_stop_the_run()
    {
        using var coordinator = ProgramRun.Start(Published.Coordinator, ["serve", "--address", "127.0.0.1:0"]);
        coordinator.WaitUntil(started => Address(started) is not null, "the coordinator's address");
        using var job = LongJob().With("coordinator.address", $"\"{Address(coordinator)}\"");
        using var run = ProgramRun.RankWorker(2, [job.Configuration]);
        run.WaitUntil(Reached(4), "the fourth iteration");
        using var status = ProgramRun.Start(Published.Coordinator, ["status", "--address", Address(coordinator)!, "--json"]);
        Assert.Equal(2, JsonDocument.Parse(status.Expect(0).Output).RootElement.GetProperty("ranks").GetArrayLength());

        coordinator.Signal("KILL");
        coordinator.Wait();
        var then = job.Metrics[^1].GetProperty("iter").GetInt32();
        run.WaitUntil(_ => job.Metrics[^1].GetProperty("iter").GetInt32() > then + 20, "twenty more iterations");
        run.Signal("TERM");
        run.Expect(ProgramRun.Stopped);
        Assert.Equal("stopped", job.Summary.GetProperty("outcome").GetString());
        Assert.DoesNotContain("error", run.Error, StringComparison.Ordinal);
    }

    [Fact]
    public void A_port_that_is_taken_is_a_warning()
    {
        using var coordinator = ProgramRun.Start(Published.Coordinator, ["serve", "--address", "127.0.0.1:0"]);
        coordinator.WaitUntil(started => Address(started) is not null, "the coordinator's address");
        var port = Address(coordinator)!.Split(':')[1];
        using var job = Job.Vlm().With("train_cfg", """{ "max_iters": 2 }""").With("coordinator.port", port);
        Assert.Contains($"No coordinator on port {port}", ProgramRun.Train(1, job.Configuration).Output, StringComparison.Ordinal);
    }

    private static Job LongJob() => Job.Vlm().With("train_cfg", """{ "max_iters": 1000000 }""").With("micro_batch_size", "2");

    private static Func<ProgramRun, bool> Reached(int iteration) =>
        run => run.Output.Contains($"iter {iteration}/", StringComparison.Ordinal);

    private static string[] Checkpoints(Job job) => Directory.GetDirectories(job.PathOf("work/checkpoints"), "step-????????");

    private static string? Address(ProgramRun coordinator) => coordinator.Output
        .Split('\n').FirstOrDefault(line => line.StartsWith("The coordinator listens on ", StringComparison.Ordinal))?[27..].TrimEnd('.');
}
