using System.Security.Cryptography;

namespace OrtZero.EndToEnd;

/// <summary>Samples of several lengths in one run, over the same parameters.</summary>
public sealed class BucketTests
{
    private const int Short = 6;
    private const int Long = 13;
    private const int ShortSamples = 16;
    private const int LongSamples = 24;
    private const double Tolerance = 2e-5;

    /// <summary>Short samples that are padded with labels that do not count are the same samples.</summary>
    [Theory]
    [InlineData(1, 0, "micro_batch")]
    [InlineData(1, 3, "global")]
    [InlineData(2, 1, "global")]
    [InlineData(2, 3, "micro_batch")]
    public void Two_lengths_train_as_one_padded_length_does(int ranks, int stage, string normalize)
    {
        using var padded = NewJob(isPadded: true).With("model.loss.normalize", $"\"{normalize}\"");
        ProgramRun.Train(1, padded.With("micro_batch_size", "4").With("optim_wrapper.accumulative_counts", "2").Configuration);
        using var buckets = NewJob(isPadded: false).With("model.loss.normalize", $"\"{normalize}\"").With("zero_optimization.stage", $"{stage}")
            .With("zero_optimization.stage3_param_persistence_threshold", "10");
        ProgramRun.Train(ranks, buckets.With("micro_batch_size", "4").With("optim_wrapper.accumulative_counts", $"{2 / ranks}")
            .With("log.interval", $"{2 / ranks}").Configuration);

        Assert.Equal((ShortSamples + LongSamples) / 8, buckets.Losses().Length);
        Assert.InRange(Errors.Relative(buckets.Losses(), padded.Losses()), 0, Tolerance);
        var trained = buckets.TrainedParameters();
        Assert.All(padded.TrainedParameters(), parameter =>
        {
            var (distance, norm) = Errors.Distance(trained[parameter.Key], [.. parameter.Value.Select(value => (double)value)]);
            Assert.InRange(distance, 0, Tolerance * norm);
        });
        Assert.InRange(
            Math.Abs(buckets.Validations[^1].GetProperty("loss").GetDouble() - padded.Validations[^1].GetProperty("loss").GetDouble()), 0,
            normalize == "global" ? Tolerance : double.MaxValue);
        Assert.Equal(ShortSamples + LongSamples, buckets.Validations[^1].GetProperty("samples").GetInt32());
    }

    [Fact]
    public void Padded_arrays_are_cut_into_the_same_buckets()
    {
        using var lists = NewJob(isPadded: false);
        using var measured = NewJob(isPadded: true, """{ "lengths": [4, 6, 13], "fields": ["ids", "labels"], "pad_field": "labels", "pad_value": -100 }""");
        using var told = NewJob(isPadded: true, """{ "lengths": [6, 13], "fields": ["labels", "ids"], "sample_lengths": "lengths.npy" }""");
        NpyWriter.Write(told.PathOf("lengths.npy"), [.. Enumerable.Range(0, ShortSamples + LongSamples).Select(sample => sample < ShortSamples ? 5L : 13)], ShortSamples + LongSamples);
        Assert.Single(((Job[])[lists, measured, told]).Select(job =>
        {
            ProgramRun.Train(1, job.With("micro_batch_size", "4").With("randomness.deterministic", "true").Configuration);
            return Convert.ToHexStringLower(SHA256.HashData(File.ReadAllBytes(job.TrainedModel)));
        }).Distinct());

        using var run = ProgramRun.RankWorker(1, [told.With("data.train.buckets.lengths", "[6, 12]").Configuration]);
        run.Expect(2);
        Assert.Contains("data.train.buckets.lengths ends with 12, but sample 16 has the length 13; add a longer one, up to 13.", run.Error, StringComparison.Ordinal);
    }

    [Fact]
    public void A_shuffled_run_has_the_same_bits_on_other_ranks_and_resumed()
    {
        var hashes = ((int Ranks, int Counts, int Stage, bool IsResumed)[])[(1, 4, 0, false), (2, 2, 3, false), (2, 2, 2, true)];
        Assert.Single(hashes.Select(cell =>
        {
            using var job = NewJob(isPadded: false).With("data.train.shuffle", "true").With("train_cfg.max_epochs", "3")
                .With("micro_batch_size", "2").With("optim_wrapper.accumulative_counts", $"{cell.Counts}")
                .With("zero_optimization.stage", $"{cell.Stage}").With("zero_optimization.stage3_param_persistence_threshold", "10")
                .With("randomness.deterministic", "true").With("checkpoint.interval", "6");
            if (cell.IsResumed)
            {
                ProgramRun.Train(cell.Ranks, job.Configuration, "--max-iters", "6");
            }

            ProgramRun.Train(cell.Ranks, job.Configuration, "--resume", "auto");
            return Convert.ToHexStringLower(SHA256.HashData(File.ReadAllBytes(job.TrainedModel)));
        }).Distinct());
    }

    [Fact]
    public void A_model_for_one_length_says_which_array_does_not_fit()
    {
        using var job = Job.Zoo("lstm");
        var ids = NpyArray.Load(job.PathOf("ids.npy"));
        NpyWriter.Write(job.PathOf("short.npy"), new long[8 * 5], 8, 5);
        NpyWriter.Write(job.PathOf("short_labels.npy"), new long[8 * 5], 8, 5);
        job.With("data.train.fields", """{ "ids": ["ids.npy", "short.npy"], "labels": ["labels.npy", "short_labels.npy"] }""");
        using var run = ProgramRun.RankWorker(1, [job.Configuration]);
        run.Expect(2);
        Assert.Contains(job.PathOf("short.npy"), run.Error, StringComparison.Ordinal);
        Assert.Contains($"the model input \"ids\" is [4, {ids.Shape[1]}]", run.Error, StringComparison.Ordinal);
    }

    private static Job NewJob(bool isPadded, string buckets = "null")
    {
        var job = Job.Empty();
        OpenAxesModel.Save(job.PathOf("model.onnx"));
        var random = new Random(8);
        var ids = new List<long[]>();
        var labels = new List<long[]>();
        for (var sample = 0; sample < ShortSamples + LongSamples; sample++)
        {
            var length = sample < ShortSamples ? Short : Long;
            ids.Add([.. Enumerable.Range(0, length).Select(_ => (long)random.Next(OpenAxesModel.Classes))]);
            labels.Add([.. Enumerable.Range(0, length).Select(position => position < sample % 4 ? -100L : random.Next(OpenAxesModel.Classes))]);
        }

        if (isPadded)
        {
            Write(job, "ids", [.. ids.Select(row => Pad(row, 0))]);
            Write(job, "labels", [.. labels.Select(row => Pad(row, -100))]);
        }
        else
        {
            Write(job, "ids_short", ids[..ShortSamples]);
            Write(job, "ids_long", ids[ShortSamples..]);
            Write(job, "labels_short", labels[..ShortSamples]);
            Write(job, "labels_long", labels[ShortSamples..]);
        }

        return job.With("data.train.fields", isPadded
                ? """{ "ids": "ids.npy", "labels": "labels.npy" }"""
                : """{ "ids": ["ids_short.npy", "ids_long.npy"], "labels": ["labels_short.npy", "labels_long.npy"] }""")
            .With("data.train.buckets", buckets).WithValidation();
    }

    private static long[] Pad(long[] row, long with) => [.. row, .. Enumerable.Repeat(with, Long - row.Length)];

    private static void Write(Job job, string name, List<long[]> rows) =>
        NpyWriter.Write(job.PathOf($"{name}.npy"), [.. rows.SelectMany(row => row)], rows.Count, rows[0].Length);
}
