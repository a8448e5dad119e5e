using OrtZero.Onnx;
using OrtZero.Sharding;

namespace OrtZero.EndToEnd;

/// <summary>inspect, export and doctor, as a user runs them.</summary>
public sealed class CheckpointCommandTests
{
    [Fact]
    public void A_checkpoint_is_inspected_and_exported_without_its_run()
    {
        using var job = Job.Vlm().With("checkpoint.interval", "4").With("zero_optimization.stage", "1");
        ProgramRun.Train(2, job.Configuration, "--max-iters", "4");
        var checkpoint = Path.Combine(job.WorkDir, "checkpoints", ShardedCheckpoint.DirectoryName(4));
        var (onnx, safetensors) = (Path.Combine(job.Folder, "export.onnx"), Path.Combine(job.Folder, "export.safetensors"));

        var described = ProgramRun.Train(1, "inspect", checkpoint).Output;
        ProgramRun.Train(1, "export", checkpoint, "--onnx", onnx, "--safetensors", safetensors);

        Assert.Contains("step 4, 4 updates, written by 2 ranks at ZeRO stage 1", described, StringComparison.Ordinal);
        Assert.Contains("group visual_encoder", described, StringComparison.Ordinal);
        Assert.Equal(File.ReadAllBytes(job.TrainedModel), File.ReadAllBytes(onnx));
        using var tensors = SafetensorsFile.Read(safetensors);
        var trained = OnnxModel.Load(job.TrainedModel).Graph.FindInitializer("projector.0.weight")!.ToSingles();
        Assert.Equal(trained, tensors.ReadSingles("projector.0.weight"));
        Assert.Equal("pt", tensors.Metadata["format"]);
        StrictSafetensors.Check(safetensors);
        StrictSafetensors.Check(Path.Combine(checkpoint, "shard-00001-of-00002.safetensors"));
    }

    [Fact]
    public void A_damaged_checkpoint_is_passed_over_by_auto_with_a_warning()
    {
        using var job = Job.Vlm().With("checkpoint.interval", "2");
        ProgramRun.Train(1, job.Configuration, "--max-iters", "4");
        var shard = Path.Combine(job.WorkDir, "checkpoints", ShardedCheckpoint.DirectoryName(4), "shard-00000-of-00001.safetensors");
        var bytes = File.ReadAllBytes(shard);
        bytes[^100] ^= 1;
        File.WriteAllBytes(shard, bytes);

        var run = ProgramRun.Train(2, job.Configuration, "--resume", "auto", "--set", "micro_batch_size=4", "--max-iters", "5", "--verbose");

        Assert.Contains($"Shard '{shard}' is damaged in the tensor '", run.Transcript, StringComparison.Ordinal);
        Assert.Contains("step-00000002 at iteration 2", run.Transcript, StringComparison.Ordinal);
        Assert.Equal([3, 4, 5], job.Metrics.Select(line => line.GetProperty("iter").GetInt32()).Where(iteration => iteration > 2));
    }

    [Fact]
    public void Settings_that_changed_are_told_one_by_one_and_those_of_the_file_count()
    {
        using var job = Job.Vlm().With("checkpoint.interval", "20").With("param_scheduler", """
            [ { "type": "CosineAnnealingLR", "by_epoch": true, "begin": 0, "T_max": 2, "eta_min": 0.0, "convert_to_iter_based": true } ]
            """).With("train_cfg", """{ "max_epochs": 1 }""");
        ProgramRun.Train(1, job.Configuration);
        job.With("train_cfg", """{ "max_epochs": 2 }""").With("optim_wrapper.optimizer.lr", "5e-4").With("optim_wrapper.optimizer.betas", "[0.8, 0.95]")
            .With("optim_wrapper.clip_grad", "null");

        var run = ProgramRun.Train(1, job.Configuration, "--resume", "auto");

        Assert.Contains("optim_wrapper.optimizer.lr is 0.0005, but was 0.001 when step-00000020 was written: cfg.json counts.", run.Output, StringComparison.Ordinal);
        Assert.Contains("optim_wrapper.optimizer.betas is [0.8,0.95], but was [0.9,0.95] when", run.Output, StringComparison.Ordinal);
        Assert.Contains("optim_wrapper.clip_grad.max_norm is not set now, but was 1 when", run.Output, StringComparison.Ordinal);
        Assert.Contains("train_cfg.max_epochs is 2, but was 1 when", run.Output, StringComparison.Ordinal);
        Assert.DoesNotContain("weight_decay is", run.Output, StringComparison.Ordinal);
        Assert.Equal(40, job.Metrics.Count);
        // The schedule is that of the longer run from where it is now: half a wave over two epochs of 20 iterations.
        foreach (var iteration in (int[])[21, 30, 40])
        {
            var rate = job.Metrics[iteration - 1].GetProperty("lr").GetProperty("default").GetDouble();
            Assert.Equal(2.5e-4 * (1 + Math.Cos(Math.PI * (iteration - 1) / 40)), rate, 1e-12);
        }
    }

    [Theory]
    [InlineData(1, true)]
    [InlineData(1, false)]
    [InlineData(2, true)]
    public void A_full_disk_is_one_sentence_and_leaves_what_was_written(int ranks, bool copies)
    {
        using var job = Job.Vlm().With("checkpoint", $$"""{ "interval": 2, "max_keep": 2, "async": {{(copies ? "true" : "false")}} }""")
            .With("train_cfg", """{ "max_iters": 1000000 }""").With("log.interval", "100").With("zero_optimization.stage", "1");
        var folder = Path.Combine(job.WorkDir, "checkpoints");
        using var run = ProgramRun.RankWorker(ranks, [job.Configuration]);
        run.WaitUntil(_ => Directory.Exists(folder) && Directory.GetDirectories(folder, "step-*").Length > 1, "the second checkpoint");

        // From now on no file of these processes may become longer: manifests and logs fit, a shard does not.
        foreach (var process in run.Processes("\0" + job.Configuration))
        {
            using var limit = System.Diagnostics.Process.Start("prlimit", ["--pid", $"{process}", "--fsize=100000"]);
            limit.WaitForExit();
        }

        run.Expect(1);
        var error = Assert.Single(run.Error.Split('\n'), line => line.StartsWith("error", StringComparison.Ordinal));
        Assert.Matches("step-[0-9]{8}' was not written: .*(too large|[Nn]o space).*The checkpoints written before are whole\\.$", error);
        var kept = Directory.GetFileSystemEntries(folder);
        Assert.NotEmpty(kept);
        Assert.All(kept, checkpoint => ProgramRun.Train(1, "inspect", checkpoint));
    }

    [Fact]
    public void A_flipped_byte_of_a_shard_is_named()
    {
        using var job = Job.Vlm().With("checkpoint.interval", "2");
        ProgramRun.Train(1, job.Configuration, "--max-iters", "2");
        var checkpoint = Path.Combine(job.WorkDir, "checkpoints", ShardedCheckpoint.DirectoryName(2));
        var shard = Assert.Single(Directory.GetFiles(checkpoint, "*.safetensors"));
        var bytes = File.ReadAllBytes(shard);
        bytes[^100] ^= 1;
        File.WriteAllBytes(shard, bytes);

        foreach (var arguments in (string[][])[["inspect", checkpoint], [job.Configuration, "--resume", checkpoint]])
        {
            using var run = ProgramRun.RankWorker(1, arguments);
            run.Expect(2);
            Assert.Contains(Path.GetFileName(shard), run.Error, StringComparison.Ordinal);
            Assert.Contains("CRC-32C", run.Error, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void Doctor_names_the_library_its_version_and_the_ranks()
    {
        var output = ProgramRun.Train(2, "doctor").Output;

        Assert.Contains("ONNX Runtime   1.30.0 at ", output, StringComparison.Ordinal);
        Assert.Contains("CPUExecutionProvider", output, StringComparison.Ordinal);
        Assert.Contains("rank 1 of 2", output, StringComparison.Ordinal);
    }

    [Fact]
    public void Doctor_says_how_to_get_a_missing_library()
    {
        using var run = ProgramRun.RankWorker(1, ["doctor"], new Dictionary<string, string?> { ["ORTZERO_ORT_LIBRARY"] = "/nonexistent.so" });

        run.Expect(1);
        Assert.Contains("/nonexistent.so", run.Output, StringComparison.Ordinal);
    }
}
