using System.Security.Cryptography;

namespace OrtZero.EndToEnd.Drills;

/// <summary>One way to train a model for 20 updates.</summary>
/// <param name="Model">vlm or gpt_nano.</param>
/// <param name="Stage">The ZeRO stage.</param>
/// <param name="Ranks">The number of ranks.</param>
/// <param name="Threads">Threads asked for by execution.intra_op_threads; randomness.deterministic runs on one whatever it says.</param>
/// <param name="SmallBuckets">Whether every tensor is a bucket of its own, or all are one.</param>
/// <param name="ResumedOn">The number of ranks it goes on with after it was killed half way; null when it was not.</param>
/// <param name="Recompute">Whether activations are computed again in the backward pass: of vlm layer by layer, of gpt_nano all that can be.</param>
internal sealed record ExactnessCell(
    string Model, int Stage, int Ranks, int Threads, bool SmallBuckets, int? ResumedOn = null, bool Recompute = false)
{
    public const int Updates = 20;
    public const int MicroBatchesPerUpdate = 8;

    /// <summary>All cells of a model. Those that recompute ask for one thread only, as two end in the very same run.</summary>
    public static IEnumerable<ExactnessCell> All(string model) =>
        from recompute in (bool[])[false, true]
        from resumed in (bool[])[false, true]
        from ranks in (int[])[1, 2, 4, 8]
        from stage in (int[])[0, 1, 2, 3]
        from threads in recompute ? (int[])[1] : [1, 2]
        from small in (bool[])[true, false]
        select new ExactnessCell(model, stage, ranks, threads, small, resumed ? (ranks == 8 ? 1 : 2 * ranks) : null, recompute);

    /// <summary>Trains it.</summary>
    /// <returns>SHA-256 of the trained model.</returns>
    public string Train(bool deterministic = true)
    {
        using var job = (Model == "vlm" ? Job.Vlm() : Job.GptNano())
            .With("micro_batch_size", "1")
            .With("randomness.deterministic", deterministic ? "true" : "false")
            .With("zero_optimization.stage", $"{Stage}")
            .With("zero_optimization.stage3_param_persistence_threshold", "1000")
            .With("zero_optimization.reduce_bucket_size", SmallBuckets ? "1" : "5000000")
            .With("execution.intra_op_threads", $"{Threads}")
            .With("coordinator.address", "\"none\"")
            .With("log.interval", "8");
        if (Recompute)
        {
            job.With("graph.recompute", Model == "vlm" ? """{ "layers": ["/layers.*/", "/visual_encoder/"] }""" : """{ "memory_budget": "1KiB" }""");
        }

        if (ResumedOn is { } others)
        {
            KillHalfWay(job);
            job.With("optim_wrapper.accumulative_counts", $"{MicroBatchesPerUpdate / others}").With("checkpoint", "{}");
            ProgramRun.Train(others, job.Configuration, "--resume", "auto");
        }
        else
        {
            job.With("optim_wrapper.accumulative_counts", $"{MicroBatchesPerUpdate / Ranks}");
            ProgramRun.Train(Ranks, job.Configuration);
        }

        return Convert.ToHexStringLower(SHA256.HashData(File.ReadAllBytes(job.TrainedModel)));
    }

    // Also when it was done before the signal came, what follows starts from the checkpoint, as later ones are not written.
    private void KillHalfWay(Job job)
    {
        var half = Updates / 2 * MicroBatchesPerUpdate / Ranks;
        job.With("optim_wrapper.accumulative_counts", $"{MicroBatchesPerUpdate / Ranks}").With("checkpoint", $$"""{ "interval": {{half}} }""");
        using var run = ProgramRun.RankWorker(Ranks, [job.Configuration]);
        var folder = Path.Combine(job.WorkDir, "checkpoints");
        run.WaitUntil(_ => Directory.Exists(Path.Combine(folder, $"step-{half:D8}")), "the first checkpoint");
        run.KillAll();
        foreach (var later in Directory.GetDirectories(folder, "step-*").Where(path => !path.EndsWith($"step-{half:D8}", StringComparison.Ordinal)))
        {
            Directory.Delete(later, recursive: true);
        }

        File.Delete(job.TrainedModel);
    }
}
