using System.Globalization;
using System.Text.Json.Nodes;
using Microsoft.Extensions.Logging.Abstractions;
using OrtZero.Autograd;
using OrtZero.Mpi;
using OrtZero.Sharding;

namespace OrtZero.Training.Tests;

/// <summary>Official training artifacts in place of a model.</summary>
public sealed class ArtifactRunTests : IDisposable
{
    private readonly string _folder = RepositoryPaths.NewTemporaryFolder();

    private static string Artifacts => RepositoryPaths.Fixture("ort-artifacts");

    public ArtifactRunTests()
    {
        var text = File.ReadAllText(Path.Combine(Artifacts, "input-0.in"));
        var values = text[text.IndexOf('[', StringComparison.Ordinal)..].Trim().Trim('[', ']').Split(',')
            .Select(number => float.Parse(number, CultureInfo.InvariantCulture)).ToArray();
        File.WriteAllBytes(Path.Combine(_folder, "input.npy"), NpyBytes.Of("<f4", "(2, 784)", values));
        File.WriteAllBytes(Path.Combine(_folder, "labels.npy"), NpyBytes.Of("<i8", "(2,)", 1L, 1L));
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void The_official_losses_are_met_with_the_official_optimizer()
    {
        var configuration = Load(_ => { });
        Assert.Equal(1e-3, configuration.OptimWrapper.Optimizer.Lr);
        Assert.Equal(1e-6, configuration.OptimWrapper.Optimizer.Eps!.First!.Value, 1e-9);
        var (losses, summary) = Run(configuration);
        Assert.Equal(2.1786246, losses[0], 1e-5);
        Assert.Equal(0.3605093, losses[1], 1e-5);
        Assert.Equal(0.0512532, losses[2], 1e-5);

        var trained = Onnx.OnnxModel.Load(summary.ModelPath!);
        Assert.Equal(["fc1.bias", "fc1.weight", "fc2.bias", "fc2.weight"], trained.Graph.Initializer.Select(tensor => tensor.Name).Order(StringComparer.Ordinal));
        Assert.Equal("output-0", trained.Graph.Output[1].Name);
        using var checkpoint = CheckpointReader.Open(summary.CheckpointPath!);
        Assert.Equal(3, checkpoint.Manifest.Updates);
        Assert.Contains(checkpoint.ReadState("exp_avg", "fc1.weight"), value => value != 0);
    }

    [Fact]
    public void A_configuration_may_bring_its_own_optimizer_and_freeze_parameters()
    {
        var configuration = Load(root =>
        {
            root["model"]!["frozen"] = new JsonArray("fc1.*");
            root["optim_wrapper"] = JsonNode.Parse("""{ "optimizer": { "type": "AdamW", "lr": 1e-2 } }""");
        });
        Assert.Null(configuration.OptimWrapper.Optimizer.Official);
        var (losses, summary) = Run(configuration);
        Assert.Equal(2.1786246, losses[0], 1e-5);
        Assert.True(losses[2] < losses[0]);
        var before = OfficialCheckpoint.Load(Path.Combine(Artifacts, "checkpoint.ckpt")).Trainable;
        var after = Onnx.OnnxModel.Load(summary.ModelPath!).Graph.Initializer;
        foreach (var tensor in before)
        {
            var same = tensor.RawData.Equals(after.Single(other => other.Name == tensor.Name).RawData);
            Assert.Equal(tensor.Name.StartsWith("fc1", StringComparison.Ordinal), same);
        }
    }

    [Fact]
    public void Mistakes_about_artifacts_name_the_key()
    {
        Assert.Contains("model.path", Problem(root => root["model"]!["path"] = "model.onnx"), StringComparison.Ordinal);
        Assert.Contains("model.loss", Problem(root => root["model"]!["loss"] = JsonNode.Parse("""{ "type": "output", "output": "x" }""")), StringComparison.Ordinal);
        Assert.Contains("model.artifacts", Problem(root => root["model"]!["artifacts"] = "nowhere"), StringComparison.Ordinal);
        Assert.Contains("is missing", Problem(root => root["model"] = new JsonObject()), StringComparison.Ordinal);
    }

    private string Problem(Action<JsonNode> change) =>
        string.Join('\n', Assert.Throws<ConfigurationException>(() => Load(change)).Problems);

    private TrainingConfiguration Load(Action<JsonNode> change)
    {
        var root = JsonNode.Parse("""
            {
              "model": {},
              "data": { "train": { "type": "npy", "fields": { "input-0": "input.npy", "labels": "labels.npy" } } },
              "train_cfg": { "max_epochs": 3 },
              "micro_batch_size": 2,
              "checkpoint": { "interval": 1 },
              "log": { "interval": 1 }
            }
            """)!;
        root["model"]!["artifacts"] = Artifacts;
        change(root);
        var path = Path.Combine(_folder, "cfg.json");
        File.WriteAllText(path, root.ToJsonString());
        return TrainingConfiguration.Load(path);
    }

    private static (List<double> Losses, RunSummary Summary) Run(TrainingConfiguration configuration)
    {
        using var communicator = new SingleProcessCommunicator();
        using var run = TrainingRun.Open(configuration, communicator, NullLogger.Instance);
        var losses = new Losses();
        run.Observe(losses);
        return (losses.Values, run.Execute(CancellationToken.None));
    }

    private sealed class Losses : IRunObserver
    {
        public List<double> Values { get; } = [];

        public void Started(RunDescription run)
        {
        }

        public void IterationEnded(long iteration, double loss) => Values.Add(loss);

        public StepDirective Report(MetricsRecord metrics) => StepDirective.Run;

        public void Validated(ValidationRecord validation)
        {
        }

        public void Finished(RunSummary summary)
        {
        }
    }
}
