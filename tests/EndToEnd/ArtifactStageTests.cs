using System.Text.Json;
using OrtZero.Sharding;

namespace OrtZero.EndToEnd;

/// <summary>Official artifacts, sharded, and back in the official runtime.</summary>
public sealed class ArtifactStageTests
{
    private const int Updates = 6, Kept = 3;

    [Fact]
    public void Official_artifacts_train_at_every_stage_alike_and_go_on_in_the_official_runtime()
    {
        using var alone = Job.OfficialArtifacts(2 * Updates).With("optim_wrapper", """{ "accumulative_counts": 2, "optimizer": { "type": "AdamW", "lr": 1e-3, "eps": 1e-6, "weight_decay": 0 } }""");
        ProgramRun.Train(1, alone.Configuration);
        var losses = alone.Losses().Chunk(2).Select(pair => pair.Average()).ToArray();
        var trained = alone.TrainedParameters();
        Assert.Equal(Updates, losses.Length);
        Assert.True(losses[^1] < losses[0]);

        for (var stage = 0; stage <= 3; stage++)
        {
            using var job = Job.OfficialArtifacts(2 * Updates).With("zero_optimization.stage", $"{stage}").With("optim_wrapper", alone.Settings["optim_wrapper"]!.ToJsonString())
                .With("optim_wrapper.accumulative_counts", "1");
            ProgramRun.Train(2, job.Configuration);
            Assert.All(losses.Zip(job.Losses()), pair => Assert.Equal(pair.First, pair.Second, 1e-6));
            Assert.All(job.TrainedParameters(), parameter => Assert.Equal(trained[parameter.Key], parameter.Value));
        }

        // By the optimizer of the artifacts, half way on here and the rest there.
        using var official = Job.OfficialArtifacts(2 * Updates).With("zero_optimization.stage", "3").With("checkpoint.interval", $"{Kept}");
        ProgramRun.Train(2, official.Configuration);
        var here = official.Losses();
        var checkpoint = official.PathOf("checkpoint");
        ProgramRun.Train(
            1, "export", Path.Combine(official.WorkDir, "checkpoints", ShardedCheckpoint.DirectoryName(Kept)), "--official", checkpoint,
            "--artifacts", RepositoryPaths.Fixture("ort-artifacts"));
        var there = TrainThere(official, checkpoint);
        Assert.Equal(Updates - Kept, there.Length);
        Assert.All(here.Skip(Kept).Zip(there), pair => Assert.Equal(pair.First, pair.Second, 1e-4));
    }

    // The updates after the checkpoint, both ranks' rows as one batch.
    private static double[] TrainThere(Job job, string checkpoint)
    {
        static string Fixture(string name) => RepositoryPaths.Fixture("ort-artifacts", name);
        var rows = NpyArray.Load(job.PathOf("x.npy")).Values;
        var labels = NpyArray.Load(job.PathOf("labels.npy")).Values;
        var steps = Enumerable.Range(Kept, Updates - Kept).Select(step => new Dictionary<string, object>
        {
            ["input-0"] = new { type = "float32", dims = new[] { 2, 784 }, data = rows.AsSpan(2 * step * 784, 2 * 784).ToArray() },
            ["labels"] = new { type = "int32", dims = new[] { 2 }, data = labels.AsSpan(2 * step, 2).ToArray() },
        });
        var jobs = job.PathOf("jobs.json");
        File.WriteAllText(jobs, JsonSerializer.Serialize(new[]
        {
            new { training = Fixture("training_model.onnx"), evaluation = Fixture("eval_model.onnx"), optimizer = Fixture("adamw.onnx"), checkpoint, steps },
        }));
        using var run = ProgramRun.Start("node", [Path.Combine(RepositoryPaths.Root, "tests", "Autograd.Tests", "interop", "official-train.mjs"), jobs]);
        run.Expect(0);
        var result = JsonDocument.Parse(run.Output).RootElement[0];
        Assert.True(result.TryGetProperty("losses", out var losses), run.Transcript);
        return [.. losses.EnumerateArray().Select(loss => loss.GetDouble())];
    }
}
