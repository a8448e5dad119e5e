namespace OrtZero.EndToEnd;

/// <summary>A run that is stopped or killed, and what the next one makes of what it left.</summary>
public sealed class StopAndResumeTests
{
    [Theory]
    [InlineData(1, "TERM", 0)]
    [InlineData(1, "INT", 1)]
    [InlineData(2, "INT", 1)]
    [InlineData(2, "TERM", 0)]
    public void A_signal_stops_all_ranks_and_resuming_ends_where_an_undisturbed_run_does(int ranks, string signal, int stage)
    {
        using var job = LongJob(stage);
        using (var run = ProgramRun.RankWorker(ranks, [job.Configuration]))
        {
            run.WaitUntil(started => started.Output.Contains("iter 4/", StringComparison.Ordinal), "the fourth iteration");
            run.Signal(signal);
            run.Expect(ProgramRun.Stopped);
            run.ExpectNothingLeft(TimeSpan.FromSeconds(10));
            Assert.Contains("--resume auto", run.Output, StringComparison.Ordinal);
        }

        Assert.Equal("stopped", job.Summary.GetProperty("outcome").GetString());
        var done = job.Summary.GetProperty("iter").GetInt64();
        Assert.Equal(job.PathOf($"work/checkpoints/step-{done:D8}"), job.Summary.GetProperty("checkpoint_path").GetString());
        Assert.False(File.Exists(job.TrainedModel));

        var end = $"{done + 6}";
        ProgramRun.Train(ranks, job.Configuration, "--resume", "auto", "--max-iters", end);
        var undisturbed = job.PathOf("undisturbed");
        ProgramRun.Train(ranks, job.Configuration, "--work-dir", undisturbed, "--max-iters", end);
        Assert.Equal(File.ReadAllBytes(Path.Combine(undisturbed, "model.onnx")), File.ReadAllBytes(job.TrainedModel));
        Assert.Equal(LinesWithoutTimes(undisturbed), LinesWithoutTimes(job.WorkDir));
    }

    [Theory]
    [InlineData(2, 0)]
    [InlineData(2, 1)]
    [InlineData(4, 1)]
    public void A_run_goes_on_with_another_number_of_ranks(int ranks, int stage)
    {
        using var job = LongJob(stage);
        var reference = job.PathOf("reference");
        ProgramRun.Train(ranks, job.Configuration, "--work-dir", reference, "--max-iters", "12");
        ProgramRun.Train(ranks, job.Configuration, "--set", "checkpoint.interval=6", "--max-iters", "6");

        // As many samples per iteration by one process as by all before.
        var alone = $"micro_batch_size={4 * ranks}";
        ProgramRun.Train(1, job.Configuration, "--set", alone, "--resume", "auto", "--max-iters", "12");

        var losses = job.Losses();
        Assert.InRange(Errors.Relative(losses, [.. LinesWithoutTimes(reference).Select(line => line.Loss)]), 0, 1e-5);
    }

    [Fact]
    public void A_run_goes_on_with_accumulation_instead_of_ranks()
    {
        // Without schedule and clipping by iteration, twice the iterations of half the samples are the same updates.
        using var job = LongJob(stage: 1).With("param_scheduler", "[]").With("optim_wrapper.accumulative_counts", "1").With("log.interval", "1");
        var reference = job.PathOf("reference");
        ProgramRun.Train(2, job.Configuration, "--work-dir", reference, "--max-iters", "8");
        ProgramRun.Train(2, job.Configuration, "--set", "checkpoint.interval=4", "--max-iters", "4");
        ProgramRun.Train(
            1, job.Configuration, "--set", "optim_wrapper.accumulative_counts=2", "--set", "log.interval=2", "--resume", "auto", "--max-iters", "16");

        var losses = job.Metrics.Where(line => line.GetProperty("iter").GetInt32() > 8).Select(line => line.GetProperty("loss").GetDouble());
        Assert.InRange(Errors.Relative([.. losses], [.. LinesWithoutTimes(reference).Skip(4).Select(line => line.Loss)]), 0, 1e-5);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    public void A_killed_rank_ends_all_within_seconds(int victim)
    {
        using var job = LongJob(stage: 1);
        using var run = ProgramRun.RankWorker(2, [job.Configuration]);
        run.WaitUntil(started => started.Output.Contains("iter 4/", StringComparison.Ordinal), "the fourth iteration");
        var ranks = run.Processes("\0" + job.Configuration).Where(id => id != run.ProcessId && IsRank(id)).Order().ToList();
        Assert.Equal(2, ranks.Count);
        run.Signal("KILL", ranks[victim]);

        Assert.NotEqual(0, run.Wait(TimeSpan.FromSeconds(30)));
        run.ExpectNothingLeft(TimeSpan.FromSeconds(10));
    }

    [Fact]
    public void What_a_killed_run_saved_is_resumed_bit_for_bit()
    {
        using var job = LongJob(stage: 1).With("checkpoint", """{ "interval": 2, "max_keep": 2 }""");
        using (var run = ProgramRun.RankWorker(2, [job.Configuration]))
        {
            run.WaitUntil(started => started.Output.Contains("iter 8/", StringComparison.Ordinal), "the eighth iteration");
            run.Signal("KILL", run.Processes("\0" + job.Configuration).First(id => id != run.ProcessId && IsRank(id)));
            Assert.NotEqual(0, run.Wait(TimeSpan.FromSeconds(30)));
        }

        Assert.InRange(Directory.GetDirectories(job.PathOf("work/checkpoints"), "step-????????").Length, 1, 3);
        var end = $"{job.Metrics[^1].GetProperty("iter").GetInt32() + 6}";
        ProgramRun.Train(2, job.Configuration, "--resume", "auto", "--max-iters", end);
        var undisturbed = job.PathOf("undisturbed");
        ProgramRun.Train(2, job.Configuration, "--work-dir", undisturbed, "--max-iters", end);
        Assert.Equal(File.ReadAllBytes(Path.Combine(undisturbed, "model.onnx")), File.ReadAllBytes(job.TrainedModel));
        Assert.Equal(LinesWithoutTimes(undisturbed), LinesWithoutTimes(job.WorkDir));
    }

    [Fact]
    public void Resuming_where_nothing_was_saved_begins_anew()
    {
        using var job = LongJob(stage: 0);
        ProgramRun.Train(1, job.Configuration, "--resume", "auto", "--max-iters", "2");
        Assert.Equal(2, Assert.Single(job.Metrics).GetProperty("iter").GetInt32());
    }

    // Shuffled, accumulated and scheduled, so that a position lost in any of the three shows; it is longer than any test waits.
    private static Job LongJob(int stage) => Job.Vlm()
        .With("train_cfg", """{ "max_iters": 1000000 }""")
        .With("data.train.shuffle", "true")
        .With("micro_batch_size", "4")
        .With("optim_wrapper.accumulative_counts", "2")
        .With("log.interval", "2")
        .With("param_scheduler", """
            [ { "type": "LinearLR", "by_epoch": false, "begin": 0, "end": 10, "start_factor": 0.1 },
              { "type": "CosineAnnealingLR", "by_epoch": false, "begin": 10, "end": 500, "T_max": 490, "eta_min": 0.0 } ]
            """)
        .With("zero_optimization.stage", $"{stage}");

    private static bool IsRank(int processId)
    {
        // mpiexec and its proxy have the program in their command lines too, but they do not run it.
        using var process = System.Diagnostics.Process.GetProcessById(processId);
        return process.ProcessName == "rankworker";
    }

    private static List<(int Iteration, double Loss, string Norm, string Rates)> LinesWithoutTimes(string workDir) =>
    [
        .. Job.ReadLines(Path.Combine(workDir, "metrics.jsonl")).Select(line => (
            line.GetProperty("iter").GetInt32(), line.GetProperty("loss").GetDouble(), line.GetProperty("grad_norm").GetRawText(),
            line.GetProperty("lr").GetRawText())),
    ];
}
