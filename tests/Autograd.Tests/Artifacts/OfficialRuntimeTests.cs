using System.Globalization;
using OrtZero.Kernels;
using OrtZero.Onnx;
using OrtZero.Onnx.Protobuf;

namespace OrtZero.Autograd.Tests;

/// <summary>What is written here, trained by ONNX Runtime's own training.</summary>
public class OfficialRuntimeTests
{
    private const int Steps = 5;
    private const double Rate = 1e-3;

    [Fact]
    public async Task The_official_fixture_gives_its_documented_losses()
    {
        static string Fixture(string name) => RepositoryPaths.Fixture("ort-artifacts", name);
        var losses = await OfficialRuntime.TrainAsync(
            Fixture("training_model.onnx"), Fixture("eval_model.onnx"), Fixture("adamw.onnx"), Fixture("checkpoint.ckpt"),
            Enumerable.Repeat(FixtureBatch(), 3));
        Assert.Equal(2.1786246, losses[0], 1e-5);
        Assert.Equal(0.3605093, losses[1], 1e-5);
        Assert.Equal(0.0512532, losses[2], 1e-5);
    }

    [Theory]
    [InlineData("activations")]
    [InlineData("vlm")]
    [InlineData("gpt_nano")]
    public async Task Artifacts_written_here_train_there_as_here(string name)
    {
        var (golden, batches) = Load(name);
        var optimizer = new OfficialOptimizer { IsTorchOrder = true, Beta2 = 0.95f, Epsilon = 1e-8f, WeightDecay = 0.1f };
        var frozen = name == "vlm" ? golden.Trainable.Where(parameter => parameter.StartsWith("visual_encoder.patch", StringComparison.Ordinal)).ToArray() : [];
        var artifacts = OfficialArtifacts.Build(golden.Model, golden.Values(batches[0]), new ArtifactOptions
        {
            Output = golden.Model.Graph.Output[0].Name,
            RequiresGrad = [.. golden.Trainable.Except(frozen)],
            Frozen = frozen,
            Optimizer = optimizer,
        });
        Assert.Equal(name == "vlm", frozen.Length > 0);
        Assert.Equal(frozen, artifacts.Checkpoint.Frozen.Select(tensor => tensor.Name));
        var folder = RepositoryPaths.NewTemporaryFolder();
        try
        {
            var paths = artifacts.Save(folder);
            Assert.Equal(["training_model.onnx", "eval_model.onnx", "optimizer_model.onnx", "checkpoint"], paths.Select(Path.GetFileName));
            var there = await OfficialRuntime.TrainAsync(paths[0], paths[1], paths[2], paths[3], batches);
            var here = TrainHere(golden, batches, optimizer, [.. golden.Trainable.Except(frozen)]);
            Assert.Equal(Steps, there.Length);
            for (var step = 0; step < Steps; step++)
            {
                Assert.Equal(here[step], there[step], 1e-4);
            }

            Assert.True(here[0] > here[^1] - 0.5 && here.Distinct().Count() == Steps, "Training changes the loss.");
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    /// <summary>The two rows of the official test's input, both of class 1.</summary>
    internal static Dictionary<string, TensorProto> FixtureBatch()
    {
        var text = File.ReadAllText(RepositoryPaths.Fixture("ort-artifacts", "input-0.in"));
        var values = text[text.IndexOf('[', StringComparison.Ordinal)..].Trim().Trim('[', ']').Split(',')
            .Select(number => float.Parse(number, CultureInfo.InvariantCulture)).ToArray();
        return new Dictionary<string, TensorProto>
        {
            ["input-0"] = TensorFactory.FromSingles("input-0", [2, 784], values),
            ["labels"] = TensorFactory.Raw("labels", TensorElementType.Int32, [2], [1, 0, 0, 0, 1, 0, 0, 0]),
        };
    }

    private static (GoldenModel Golden, Dictionary<string, TensorProto>[] Batches) Load(string name)
    {
        var (golden, files) = name switch
        {
            "vlm" => (GoldenModel.Load("vlm", "vlm.onnx"), Files("image", "input_ids", "labels")),
            "gpt_nano" => (GoldenModel.Load("gpt_nano", "gpt_nano.onnx"),
                [("input_ids", RepositoryPaths.Fixture("gpt_nano", "golden", "inputs.npy")), ("labels", RepositoryPaths.Fixture("gpt_nano", "golden", "labels.npy"))]),
            _ => (GoldenModel.Load("zoo", name, "model.onnx"),
                new[] { "x", "labels" }.Select(field => (field, RepositoryPaths.Fixture("zoo", name, $"{field}.npy"))).ToArray()),
        };
        return (golden, [.. Enumerable.Range(0, Steps).Select(step => golden.Batch(step, files))]);

        static (string, string)[] Files(params string[] names) =>
            [.. names.Select(field => (field, RepositoryPaths.Fixture("vlm", "golden", $"{field}.npy")))];
    }

    private static double[] TrainHere(GoldenModel golden, Dictionary<string, TensorProto>[] batches, OfficialOptimizer optimizer, string[] trainable)
    {
        var graph = golden.Build(batches[0], fused: true, trainable);
        using var session = Ort.Open(graph.Model);
        var weights = graph.Parameters.ToDictionary(
            parameter => parameter.Name, parameter => golden.Model.Graph.FindInitializer(parameter.Name)!.ToSingles(), StringComparer.Ordinal);
        var moments = graph.Parameters.ToDictionary(
            parameter => parameter.Name, parameter => (First: new float[weights[parameter.Name].Length], Second: new float[weights[parameter.Name].Length]));
        var losses = new double[batches.Length];
        for (var step = 0; step < batches.Length; step++)
        {
            var feed = golden.Feed(batches[step]);
            foreach (var parameter in graph.Parameters)
            {
                feed[parameter.Name] = TensorFactory.FromSingles(parameter.Name, parameter.Shape, weights[parameter.Name]);
            }

            var results = Ort.Run(session, feed);
            losses[step] = results[graph.LossName][0];
            foreach (var parameter in graph.Parameters)
            {
                var (first, second) = moments[parameter.Name];
                var gradient = Array.ConvertAll(results[parameter.GradientName], value => (float)value);
                AdamWKernel.Update(weights[parameter.Name], gradient, first, second, new AdamWParameters
                {
                    LearningRate = Rate,
                    Beta1 = optimizer.Beta1,
                    Beta2 = optimizer.Beta2,
                    Epsilon = optimizer.Epsilon,
                    WeightDecay = optimizer.WeightDecay,
                    BiasCorrection1 = 1 - Math.Pow(optimizer.Beta1, step + 1),
                    BiasCorrection2 = 1 - Math.Pow(optimizer.Beta2, step + 1),
                    GradientScale = 1,
                });
            }
        }

        return losses;
    }
}
