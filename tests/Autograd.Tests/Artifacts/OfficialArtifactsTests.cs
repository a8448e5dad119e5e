using OrtZero.Onnx;

namespace OrtZero.Autograd.Tests;

/// <summary>Official artifacts, read and run on stock ONNX Runtime.</summary>
public class OfficialArtifactsTests
{
    private static string Folder => RepositoryPaths.Fixture("ort-artifacts");

    [Fact]
    public void The_official_training_model_gives_the_official_losses()
    {
        var artifacts = OfficialArtifacts.Load(Folder);
        var graph = artifacts.ToTrainingGraph();
        var optimizer = artifacts.ReadOptimizer()!;
        Assert.False(optimizer.IsTorchOrder);
        Assert.Equal(["input-0", "labels"], graph.ModelInputs);
        var weights = artifacts.Checkpoint.Trainable.ToDictionary(tensor => tensor.Name, tensor => tensor.ToSingles(), StringComparer.Ordinal);
        var moments = weights.ToDictionary(pair => pair.Key, pair => (First: new double[pair.Value.Length], Second: new double[pair.Value.Length]));
        using var session = Ort.Open(graph.Model);
        var losses = new List<double>();
        for (var step = 1; step <= 3; step++)
        {
            var feed = OfficialRuntimeTests.FixtureBatch();
            foreach (var parameter in graph.Parameters)
            {
                feed[parameter.Name] = TensorFactory.FromSingles(parameter.Name, parameter.Shape, weights[parameter.Name]);
            }

            var results = Ort.Run(session, feed);
            losses.Add(results[graph.LossName][0]);
            foreach (var parameter in graph.Parameters)
            {
                Update(weights[parameter.Name], results[parameter.GradientName], moments[parameter.Name], optimizer, step);
            }
        }

        Assert.Equal(2.1786246, losses[0], 1e-5);
        Assert.Equal(0.3605093, losses[1], 1e-5);
        Assert.Equal(0.0512532, losses[2], 1e-5);
    }

    [Fact]
    public void The_evaluation_model_becomes_a_model_of_its_own()
    {
        var model = OfficialArtifacts.Load(Folder).ToForwardModel();
        Assert.Equal(["input-0", "labels"], model.Graph.Input.Select(input => input.Name));
        Assert.Equal("output-0", model.Graph.Output[1].Name);
        using var session = Ort.Open(model);
        var results = Ort.Run(session, OfficialRuntimeTests.FixtureBatch());
        Assert.Equal(2.1786246, results[model.Graph.Output[0].Name][0], 1e-5);
        Assert.Equal(20, results["output-0"].Length);
    }

    [Fact]
    public void A_folder_without_artifacts_is_named_with_what_is_missing()
    {
        var folder = RepositoryPaths.NewTemporaryFolder();
        try
        {
            Assert.Contains("no training model", Message(), StringComparison.Ordinal);
            File.Copy(Path.Combine(Folder, "training_model.onnx"), Path.Combine(folder, "a_training_model.onnx"));
            Assert.Contains("no evaluation model", Message(), StringComparison.Ordinal);
            File.Copy(Path.Combine(Folder, "eval_model.onnx"), Path.Combine(folder, "a_eval_model.onnx"));
            Assert.Contains("no checkpoint", Message(), StringComparison.Ordinal);
            File.Copy(Path.Combine(Folder, "nominal_checkpoint"), Path.Combine(folder, "nominal"));
            Assert.Contains("no checkpoint", Message(), StringComparison.Ordinal);
            File.Copy(Path.Combine(Folder, "checkpoint.ckpt"), Path.Combine(folder, "a_checkpoint"));
            Assert.Null(OfficialArtifacts.Load(folder).ReadOptimizer());
            File.Copy(Path.Combine(Folder, "checkpoint.ckpt"), Path.Combine(folder, "b_checkpoint"));
            Assert.Contains("a_checkpoint and b_checkpoint", Message(), StringComparison.Ordinal);
            Assert.Contains("no folder", Assert.Throws<ArtifactException>(() => OfficialArtifacts.Load(Path.Combine(folder, "none"))).Message, StringComparison.Ordinal);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }

        string Message() => Assert.Throws<ArtifactException>(() => OfficialArtifacts.Load(folder)).Message;
    }

    [Fact]
    public void An_operator_that_cannot_be_lowered_is_named()
    {
        var artifacts = OfficialArtifacts.Load(Folder);
        artifacts.Training.Graph.Node.Single(node => node.OpType == "ReluGrad").OpType = "ShrunkenGatherGrad";
        var message = Assert.Throws<ArtifactException>(() => artifacts.ToTrainingGraph()).Message;
        Assert.Contains("'/relu/Relu_Grad/ReluGrad_0' (com.microsoft::ShrunkenGatherGrad)", message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(LossType.L1)]
    [InlineData(LossType.BinaryCrossEntropy)]
    [InlineData(LossType.MeanSquaredError)]
    public void Other_losses_are_written_and_read_back(LossType loss)
    {
        var golden = GoldenModel.Load("zoo", "activations", "model.onnx");
        var batch = golden.Batch(0, ("x", RepositoryPaths.Fixture("zoo", "activations", "x.npy")));
        var scores = Ort.Run(Ort.Open(golden.Model), batch)["output"];
        var targets = scores.Select((_, i) => (float)(i % 2)).ToArray();
        var artifacts = OfficialArtifacts.Build(golden.Model, golden.Values(batch), new ArtifactOptions
        {
            Loss = new LossOptions { Type = loss, Output = "output" }, RequiresGrad = golden.Trainable, Optimizer = new OfficialOptimizer { Kind = OfficialOptimizerKind.Sgd, MaxNorm = 2 },
        });
        Assert.Equal(["x", "target"], artifacts.Training.Graph.Input.Take(2).Select(input => input.Name));
        Assert.Equal("lazy_reset_grad", artifacts.Training.Graph.Input[^1].Name);
        Assert.Equal(["learning_rate", "step", "params", "gradients", "first_order_moments"], artifacts.Optimizer!.Graph.Input.Select(input => input.Name));
        Assert.Equal(artifacts.ReadOptimizer(), new OfficialOptimizer { Kind = OfficialOptimizerKind.Sgd, MaxNorm = 2 });

        var expected = scores.Zip(targets).Average(pair => loss switch
        {
            LossType.L1 => Math.Abs(pair.First - pair.Second),
            LossType.MeanSquaredError => Math.Pow(pair.First - pair.Second, 2),
            _ => Math.Log(1 + Math.Exp(pair.First)) - (pair.First * pair.Second),
        });
        batch["target"] = TensorFactory.FromSingles("target", [16, 5], targets);
        var graph = artifacts.ToTrainingGraph();
        using var training = Ort.Open(graph.Model);
        Assert.Equal(expected, Ort.Run(training, golden.Feed(batch))[graph.LossName][0], 1e-5);
        var forward = artifacts.ToForwardModel();
        using var evaluation = Ort.Open(forward);
        Assert.Equal(expected, Ort.Run(evaluation, batch)[forward.Graph.Output[0].Name][0], 1e-5);
    }

    [Fact]
    public void Names_that_do_not_fit_are_refused()
    {
        var golden = GoldenModel.Load("zoo", "activations", "model.onnx");
        var options = new ArtifactOptions { Loss = new LossOptions { Output = "output" }, RequiresGrad = golden.Trainable };
        Assert.Contains("no initializer 'nothing'", Message(options with { Frozen = ["nothing"] }), StringComparison.Ordinal);
        Assert.Contains("both trained and frozen", Message(options with { Frozen = [golden.Trainable[0]] }), StringComparison.Ordinal);

        string Message(ArtifactOptions wrong) => Assert.Throws<ArtifactException>(() => OfficialArtifacts.Build(golden.Model, new ValueTable(), wrong)).Message;
    }

    // adam_mode 1 and 0 as training_op_defs.cc describes them, in float64.
    private static void Update(float[] weights, double[] gradients, (double[] First, double[] Second) moments, OfficialOptimizer optimizer, int step)
    {
        const double Rate = 1e-3;
        Assert.False(optimizer.IsTorchOrder);
        var correction = Math.Sqrt(1 - Math.Pow(optimizer.Beta2, step)) / (1 - Math.Pow(optimizer.Beta1, step));
        for (var i = 0; i < weights.Length; i++)
        {
            moments.First[i] = (optimizer.Beta1 * moments.First[i]) + ((1 - optimizer.Beta1) * gradients[i]);
            moments.Second[i] = (optimizer.Beta2 * moments.Second[i]) + ((1 - optimizer.Beta2) * gradients[i] * gradients[i]);
            var weight = weights[i] - (Rate * correction * moments.First[i] / (Math.Sqrt(moments.Second[i]) + optimizer.Epsilon));
            weights[i] = (float)(weight - (Rate * optimizer.WeightDecay * weight));
        }
    }
}
