using System.Text.Json;
using OrtZero.Autograd;
using OrtZero.Onnx;
using OrtZero.Sharding;

namespace OrtZero.EndToEnd;

/// <summary>artifacts, training from them, and the way back, as a user runs them.</summary>
public sealed class OfficialArtifactsTests
{
    [Fact]
    public void Artifacts_train_as_their_model_does_and_go_back_into_an_official_checkpoint()
    {
        using var job = Job.Vlm().With("checkpoint.interval", "4");
        var artifacts = Path.Combine(job.Folder, "artifacts");
        var written = ProgramRun.Train(
            1, "artifacts", Path.Combine(job.Folder, "model.onnx"), "--batch", "8", "--output", "logits", "--nominal", "--out", artifacts).Output;
        Assert.Contains("55 parameters are trained, 0 are frozen.", written, StringComparison.Ordinal);
        ProgramRun.Train(2, job.Configuration, "--max-iters", "4");
        var expected = job.Losses();

        // The nominal checkpoint beside it is no second one.
        using var other = Job.Vlm().With("checkpoint.interval", "4").With("zero_optimization.stage", "1");
        other.With("model", JsonSerializer.Serialize(new { artifacts }));
        ProgramRun.Train(2, other.Configuration, "--max-iters", "4");
        var actual = other.Losses();
        Assert.Equal(4, actual.Length);
        for (var iteration = 0; iteration < 4; iteration++)
        {
            Assert.Equal(expected[iteration], actual[iteration], 2e-5 * expected[iteration]);
        }

        var official = Path.Combine(other.Folder, "official");
        var checkpoint = Path.Combine(other.WorkDir, "checkpoints", ShardedCheckpoint.DirectoryName(4));
        ProgramRun.Train(1, "export", checkpoint, "--official", official, "--artifacts", artifacts);
        var exported = OfficialCheckpoint.Load(official);
        var group = Assert.Single(exported.OptimizerGroups);
        Assert.Equal(("group0", 4L), (group.Name, group.Step));
        Assert.All(group.States, state => Assert.Equal(["momentum0", "momentum1"], state.Moments.Select(moment => moment.Name)));
        Assert.Equal(55, group.States.Count);
        var trained = OnnxModel.Load(other.TrainedModel).Graph;
        Assert.Equal(55, exported.Trainable.Count);
        Assert.All(exported.Trainable, tensor => Assert.Equal(trained.FindInitializer(tensor.Name)!.ToSingles(), tensor.ToSingles()));
        Assert.Equal(
            OfficialCheckpoint.Load(Path.Combine(artifacts, "checkpoint")).Trainable.Select(tensor => tensor.Name), exported.Trainable.Select(tensor => tensor.Name));
    }

    [Fact]
    public void Losses_of_a_configuration_and_additional_outputs_go_into_artifacts()
    {
        using var job = Job.Vlm().With("model.loss", """
            [{ "type": "cross_entropy", "output": "logits", "labels": "labels" }, { "type": "huber", "output": "logits", "labels": "wanted", "weight": 0.1 }]
            """).Without("data", "train");
        var artifacts = job.PathOf("artifacts");
        ProgramRun.Train(
            1, "artifacts", job.PathOf("model.onnx"), "--batch", "2", "--loss-from", job.Configuration, "--additional-outputs", "logits", "--prefix", "vlm_", "--out", artifacts);
        var read = OfficialArtifacts.Load(artifacts);
        Assert.Equal(["logits"], read.AdditionalOutputs);
        Assert.Equal(["image", "input_ids", "labels", "wanted"], read.Training.Graph.Input.Take(4).Select(input => input.Name));
        Assert.True(File.Exists(Path.Combine(artifacts, "vlm_training_model.onnx")));
        Assert.Equal(["onnx::loss::1", "logits"], read.ToForwardModel().Graph.Output.Select(output => output.Name));
    }

    [Fact]
    public void Mistakes_are_one_sentence()
    {
        using var job = Job.Vlm();
        var model = Path.Combine(job.Folder, "model.onnx");
        foreach (var (arguments, message) in ((string[], string)[])[
            (["--batch", "8", "--requires-grad", "nothing*"], "--requires-grad nothing* matches no float32 parameter"),
            ([], "--batch 8"),
            (["--batch", "8", "--output", "scores"], "'scores'"),
            (["--shape", "picture=8x1x28x28"], "the input picture, which"),
            (["--batch", "8", "--loss", "hinge"], "hinge"),
            (["--batch", "8", "--additional-outputs", "thoughts"], "no value 'thoughts'"),
            (["--batch", "8", "--loss-from", "nowhere.json"], "nowhere.json")])
        {
            using var run = ProgramRun.RankWorker(1, ["artifacts", model, "--out", Path.Combine(job.Folder, "out"), .. arguments]);
            run.Expect(2);
            Assert.Contains(message, run.Error, StringComparison.Ordinal);
            Assert.False(Directory.Exists(Path.Combine(job.Folder, "out")));
        }
    }
}
