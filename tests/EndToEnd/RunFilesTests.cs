using System.Text.Json;

namespace OrtZero.EndToEnd;

/// <summary>What a run writes into its folder and on the screen.</summary>
public sealed class RunFilesTests
{
    [Fact]
    public void Metrics_validation_and_summary_agree_with_each_other()
    {
        using var job = Job.Vlm().WithValidation()
            .With("train_cfg", """{ "max_epochs": 2, "val_interval": 1 }""")
            .With("optim_wrapper.accumulative_counts", "3")
            .With("log.interval", "4");
        var run = ProgramRun.Train(2, job.Configuration);

        // Ten iterations of 2 x 8 samples an epoch; the sixth update and each before has three micro-batches, the seventh two.
        var metrics = job.Metrics;
        Assert.Equal([4, 8, 12, 16, 20], metrics.Select(line => line.GetProperty("iter").GetInt32()));
        Assert.Equal([0, 0, 1, 1, 1], metrics.Select(line => line.GetProperty("epoch").GetInt32()));
        Assert.All(metrics, line =>
        {
            string[] groups = ["visual_encoder", "visual_encoder/no_decay", "default", "default/no_decay"];
            Assert.Equal(groups.Order(StringComparer.Ordinal), Keys(line.GetProperty("lr")));
            Assert.Equal(groups.Order(StringComparer.Ordinal), Keys(line.GetProperty("weight_decay")));
            Assert.Equal(1e-4, line.GetProperty("lr").GetProperty("visual_encoder").GetDouble(), 1e-12);
            Assert.Equal(0.05, line.GetProperty("weight_decay").GetProperty("default").GetDouble(), 1e-12);
            Assert.Equal(0, line.GetProperty("weight_decay").GetProperty("default/no_decay").GetDouble());
            Assert.InRange(line.GetProperty("grad_norm").GetDouble(), 0.1, 10);
            Assert.InRange(line.GetProperty("samples_per_second").GetDouble(), 1e-3, 1e9);
            Assert.InRange(line.GetProperty("peak_rss_bytes").GetInt64(), 10L << 20, 10L << 30);
            Assert.Equal(JsonValueKind.Null, line.GetProperty("loss_scale").ValueKind);
        });

        var validations = job.Validations;
        Assert.Equal([10, 20], validations.Select(line => line.GetProperty("iter").GetInt32()));
        Assert.Equal([1, 2], validations.Select(line => line.GetProperty("epoch").GetInt32()));

        var summary = job.Summary;
        Assert.Equal("completed", summary.GetProperty("outcome").GetString());
        Assert.Equal(
            (20, 2, 7, 0, 2),
            (Number(summary, "iter"), Number(summary, "epochs"), Number(summary, "updates"), Number(summary, "skipped_updates"), Number(summary, "world_size")));
        Assert.Equal(metrics[^1].GetProperty("loss").GetDouble(), summary.GetProperty("loss").GetDouble());
        Assert.Equal(validations[^1].GetProperty("loss").GetDouble(), summary.GetProperty("validation").GetProperty("loss").GetDouble());
        Assert.Equal(job.TrainedModel, summary.GetProperty("model_path").GetString());
        Assert.InRange(summary.GetProperty("training_seconds").GetDouble(), 1e-6, summary.GetProperty("total_seconds").GetDouble());

        AssertPlain(run, job);
    }

    [Fact]
    public void The_loss_of_a_line_is_the_mean_since_the_line_before()
    {
        using var job = Job.Vlm().With("train_cfg", """{ "max_iters": 10 }""");
        ProgramRun.Train(2, job.Configuration);
        var each = job.Losses();
        ProgramRun.Train(2, job.Configuration, "--set", "log.interval=4");
        Assert.Equal(10, each.Length);
        double[] means = [each[..4].Average(), each[4..8].Average(), each[8..].Average()];
        Assert.InRange(Errors.Relative(job.Losses(), means), 0, 1e-12);
    }

    [Fact]
    public void A_new_run_in_an_old_folder_begins_its_files_anew()
    {
        using var job = Job.Vlm().With("train_cfg", """{ "max_iters": 3 }""");
        ProgramRun.Train(1, job.Configuration);
        var first = job.Losses();
        ProgramRun.Train(1, job.Configuration);
        Assert.Equal(first, job.Losses());
    }

    [Fact]
    public void Debug_trains_alone_whatever_started_it()
    {
        using var job = Job.Vlm().With("train_cfg", """{ "max_iters": 2 }""");
        ProgramRun.Train(1, job.Configuration, "--debug");
        Assert.Equal(1, Number(job.Summary, "world_size"));
    }

    [Fact]
    public void Two_runs_on_two_ranks_are_equal_to_the_bit()
    {
        using var job = Job.Vlm().With("train_cfg", """{ "max_iters": 10 }""").With("zero_optimization.stage", "1");
        ProgramRun.Train(2, job.Configuration);
        var first = File.ReadAllBytes(job.TrainedModel);
        ProgramRun.Train(2, job.Configuration);
        Assert.Equal(first, File.ReadAllBytes(job.TrainedModel));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public void On_a_terminal_the_progress_line_is_redrawn(int ranks)
    {
        using var job = Job.Vlm().With("train_cfg", """{ "max_iters": 6 }""");
        var command = ranks == 1 ? $"{Published.RankWorker} {job.Configuration}" : $"mpiexec.mpich -n {ranks} {Published.RankWorker} {job.Configuration}";
        using var run = ProgramRun.Start("script", ["-qec", command, "/dev/null"], new Dictionary<string, string?> { ["TERM"] = "xterm" });
        run.Expect(0);

        // Each redrawing ends by clearing what an older, longer line leaves.
        var drawn = run.Output.Split("\u001b[K").Count(part => part.Contains(" grad_norm ", StringComparison.Ordinal));
        Assert.True(drawn == 6, $"{drawn} of 6 lines were redrawn: {run.Transcript}");
        Assert.Contains("completed", run.Output, StringComparison.Ordinal);
        Assert.Contains(job.TrainedModel, run.Output, StringComparison.Ordinal);
    }

    private static void AssertPlain(ProgramRun run, Job job)
    {
        Assert.DoesNotContain('\u001b', run.Output);
        Assert.Equal("", run.Error);
        var lines = run.Output.Split('\n');
        Assert.All([4, 8, 12, 16, 20], iteration => Assert.Single(lines, line => line.Contains($" iter {iteration}/20 ", StringComparison.Ordinal)));
        Assert.All(["completed", "validation loss", "token accuracy", job.TrainedModel], part => Assert.Contains(part, run.Output, StringComparison.Ordinal));
    }

    private static IEnumerable<string> Keys(JsonElement element) =>
        element.EnumerateObject().Select(property => property.Name).Order(StringComparer.Ordinal);

    private static int Number(JsonElement element, string name) => element.GetProperty(name).GetInt32();
}
