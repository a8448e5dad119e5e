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
