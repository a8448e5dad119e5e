namespace OrtZero.EndToEnd;

/// <summary>Fine-tuning in phases: what sleeps does not move, what wakes goes on where it was, on any number of ranks.</summary>
public sealed class FineTuningTests
{
    private const string Phases = """
        [ { "until_epoch": 0.3, "trained": ["projector."], "lr_mult": 2 }, { "until_epoch": 0.6, "frozen": ["visual_encoder."] } ]
        """;

    [Fact]
    public void Ranks_stages_and_a_resume_in_the_middle_of_a_phase_change_no_bit()
    {
        using var alone = PhaseJob(1, 0);
        var run = ProgramRun.Train(1, alone.Configuration);
        Assert.Contains("phase 1 of 3, until iteration 24: 4 parameters are trained, rates x 2", run.Output, StringComparison.Ordinal);
        Assert.Contains("phase 3 of 3, until iteration 80:", run.Output, StringComparison.Ordinal);
        var rates = alone.Metrics.Select(line => line.GetProperty("lr").GetProperty("visual_encoder").GetDouble()).ToList();
        Assert.Equal(Enumerable.Repeat(0.0, 12).Concat(Enumerable.Repeat(1e-4, 8)), rates);

        using var sharded = PhaseJob(4, 3);
        ProgramRun.Train(4, sharded.Configuration);
        Assert.Equal(File.ReadAllBytes(alone.TrainedModel), File.ReadAllBytes(sharded.TrainedModel));

        using var resumed = PhaseJob(2, 2).With("checkpoint.interval", "20");
        ProgramRun.Train(2, resumed.Configuration, "--max-iters", "20");
        var other = ProgramRun.Train(
            1, resumed.Configuration, "--resume", "auto", "--set", "optim_wrapper.accumulative_counts=4", "--set", "zero_optimization.stage=1");
        Assert.Contains("phase 2 of 3, until iteration 48:", other.Output, StringComparison.Ordinal);
        Assert.Equal(File.ReadAllBytes(alone.TrainedModel), File.ReadAllBytes(resumed.TrainedModel));
    }

    [Fact]
    public void Only_what_a_phase_trains_moves()
    {
        using var job = PhaseJob(1, 1);
        ProgramRun.Train(1, job.Configuration, "--max-iters", "12");

        var before = Job.ReadParameters(job.PathOf("model.onnx"));
        Assert.All(job.TrainedParameters(), pair => Assert.Equal(
            pair.Key.StartsWith("projector.", StringComparison.Ordinal), !pair.Value.AsSpan().SequenceEqual(before[pair.Key])));
    }

    // Four micro-batches of two samples per update, whatever the number of ranks.
    private static Job PhaseJob(int ranks, int stage) => Job.Vlm()
        .With("micro_batch_size", "2")
        .With("optim_wrapper.accumulative_counts", $"{4 / ranks}")
        .With("log.interval", $"{4 / ranks}")
        .With("phases", Phases)
        .With("randomness.deterministic", "true")
        .With("zero_optimization.stage", $"{stage}")
        .With("zero_optimization.stage3_param_persistence_threshold", "1000");
}
