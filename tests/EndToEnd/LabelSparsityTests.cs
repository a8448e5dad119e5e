using System.Security.Cryptography;

namespace OrtZero.EndToEnd;

/// <summary>Rows whose label is ignored are left out of the head, and training goes as it would with them.</summary>
public sealed class LabelSparsityTests
{
    private const int Samples = 32;
    private const string Note = "only rows whose label is not -100 are computed";

    [Fact]
    public void It_is_the_same_training_to_the_last_bit_on_any_ranks_and_to_rounding_with_all_rows()
    {
        var (losses, norms, hash) = Train(1, "on", 4, 1);
        Assert.Equal(hash, Train(2, "on", 2, 3, recompute: true).Hash);

        var (all, allNorms, _) = Train(1, "off", 4, 0);
        Assert.InRange(Errors.Relative(losses, all), 0, 2e-5);
        Assert.InRange(Errors.Relative(norms, allNorms), 0, 2e-5);
    }

    [Fact]
    public void The_labels_decide_unless_the_configuration_does()
    {
        using var job = NewJob(1, 0).With("train_cfg", """{ "max_iters": 2 }""");
        Assert.Contains(Note, ProgramRun.Train(1, job.Configuration, "--verbose").Output, StringComparison.Ordinal);
        job.With("graph.label_sparsity", "\"off\"");
        Assert.DoesNotContain(Note, ProgramRun.Train(1, job.Configuration, "--verbose").Output, StringComparison.Ordinal);

        // Of the labels of vlm fewer than a fifth are ignored.
        using var few = Job.Vlm().With("train_cfg", """{ "max_iters": 2 }""");
        Assert.DoesNotContain(Note, ProgramRun.Train(1, few.Configuration, "--verbose").Output, StringComparison.Ordinal);
        few.With("graph.label_sparsity", "\"on\"");
        Assert.Contains(Note, ProgramRun.Train(1, few.Configuration, "--verbose").Output, StringComparison.Ordinal);

        few.With("model.loss", """{ "type": "mse", "output": "logits", "labels": "targets" }""");
        NpyWriter.Write(few.PathOf("targets.npy"), new float[160 * 16 * 32], 160, 16, 32);
        few.With("data.train.fields", """{ "image": "image.npy", "input_ids": "input_ids.npy", "targets": "targets.npy" }""");
        using var refused = ProgramRun.RankWorker(1, [few.Configuration]);
        Assert.Equal(2, refused.Wait());
        Assert.Contains("graph.label_sparsity is \"on\", but no loss of ", refused.Error, StringComparison.Ordinal);
    }

    private static (double[] Losses, double[] Norms, string Hash) Train(int ranks, string choice, int counts, int stage, bool recompute = false)
    {
        using var job = NewJob(counts, stage).With("graph.label_sparsity", $"\"{choice}\"").With("randomness.deterministic", "true");
        if (recompute)
        {
            job.With("graph.recompute", """{ "layers": ["/blocks.*/"] }""");
        }

        ProgramRun.Train(ranks, job.Configuration);
        var hash = Convert.ToHexStringLower(SHA256.HashData(File.ReadAllBytes(job.TrainedModel)));
        return (job.Losses(), [.. job.Metrics.Select(line => line.GetProperty("grad_norm").GetDouble())], hash);
    }

    /// <summary>Four of five labels are ignored, and two micro-batches of four samples have none that counts.</summary>
    private static Job NewJob(int counts, int stage)
    {
        var job = Job.GptNano();
        var inputs = NpyArray.Load(job.PathOf("inputs.npy"));
        var labels = NpyArray.Load(job.PathOf("labels.npy"));
        var length = labels.Shape[1];
        var values = labels.Integers[..(Samples * length)];
        for (var i = 0; i < values.Length; i++)
        {
            values[i] = i % 5 != 2 || i / length / 4 % 4 == 1 ? -100 : values[i];
        }

        NpyWriter.Write(job.PathOf("inputs.npy"), inputs.Integers[..(Samples * length)], Samples, length);
        NpyWriter.Write(job.PathOf("labels.npy"), values, Samples, length);
        return job
            .With("micro_batch_size", "4")
            .With("optim_wrapper.accumulative_counts", $"{counts}")
            .With("log.interval", $"{counts}")
            .With("zero_optimization.stage", $"{stage}")
            .With("zero_optimization.stage3_param_persistence_threshold", "1000");
    }
}
