using System.Text.Json.Nodes;
using Google.Protobuf;
using Microsoft.Extensions.Logging.Abstractions;
using OrtZero.Mpi;
using OrtZero.Onnx;
using OrtZero.Onnx.Protobuf;
using OrtZero.Sharding;
using OrtZero.Training.Internal;

namespace OrtZero.Training.Tests;

/// <summary>Low-rank adapters by configuration: which there are, what they begin with, and how they train.</summary>
public sealed class LoraTests : IDisposable
{
    private const int Samples = 24;
    private const int Batch = 4;
    private const int Inputs = 5;
    private const int Hidden = 6;
    private const int Classes = 3;
    private const int Rank = 2;

    private readonly string _folder = RepositoryPaths.NewTemporaryFolder();
    private readonly double[] _x = Numbers(1, Samples * Inputs);
    private readonly long[] _labels = [.. Enumerable.Range(0, Samples).Select(i => (i * 5) % 7 % 3L)];
    private readonly double[] _w1 = Numbers(2, Inputs * Hidden);
    private readonly double[] _b1 = Numbers(3, Hidden);
    private readonly double[] _w2 = Numbers(4, Classes * Hidden);
    private readonly double[] _b2 = Numbers(5, Classes);

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void Training_is_that_of_the_formulas_in_float64()
    {
        const double Rate = 0.05, Decay = 0.1, Beta1 = 0.9, Beta2 = 0.99, Epsilon = 1e-8, Scale = 1.5;
        var (prepared, losses) = Train("""{ "r": 2, "lora_alpha": 3, "target_modules": ["fc1", "fc2"] }""");
        Assert.Equal(["fc1.lora_A.weight", "fc1.lora_B.weight", "fc2.lora_A.weight", "fc2.lora_B.weight"], prepared.Trainable);
        var adapters = prepared.Adaptation!.State.Adapters;
        double[][] values =
        [
            Doubles(LowRankAdaptation.Start(adapters[0], 7)), new double[Hidden * Rank],
            Doubles(LowRankAdaptation.Start(adapters[1], 7)), new double[Classes * Rank],
        ];
        var first = values.Select(value => new double[value.Length]).ToArray();
        var second = values.Select(value => new double[value.Length]).ToArray();
        for (var step = 1; step <= losses.Count; step++)
        {
            var start = (step - 1) * Batch % Samples;
            Assert.Equal(Loss(values, Scale, start), losses[step - 1], 2e-6);
            var gradients = values.Select((value, index) => value.Select((_, i) => Slope(values, index, i, Scale, start)).ToArray()).ToArray();
            for (var index = 0; index < values.Length; index++)
            {
                for (var i = 0; i < values[index].Length; i++)
                {
                    var g = gradients[index][i];
                    values[index][i] -= Rate * Decay * values[index][i];
                    first[index][i] = (Beta1 * first[index][i]) + ((1 - Beta1) * g);
                    second[index][i] = (Beta2 * second[index][i]) + ((1 - Beta2) * g * g);
                    var root = Math.Sqrt(second[index][i] / (1 - Math.Pow(Beta2, step))) + Epsilon;
                    values[index][i] -= Rate * first[index][i] / (1 - Math.Pow(Beta1, step)) / root;
                }
            }
        }

        using var checkpoint = CheckpointReader.Open(Path.Combine(_folder, "work", "checkpoints", "step-00000006"));
        Assert.Equal(prepared.Trainable, checkpoint.Manifest.Parameters.Select(parameter => parameter.Name));
        foreach (var (name, expected) in prepared.Trainable.Zip(values))
        {
            Assert.All(checkpoint.ReadParameter(name).Zip(expected), pair => Assert.Equal(pair.Second, pair.First, 2e-5));
        }

        // The model that is written has the nodes of the one that came in, and nothing else in it changed.
        var trained = OnnxModel.Load(Path.Combine(_folder, "work", "model.onnx")).Graph;
        var before = OnnxModel.Load(Path.Combine(_folder, "model.onnx")).Graph;
        Assert.Equal(before.Node, trained.Node);
        Assert.Equal(before.Initializer.Select(tensor => tensor.Name), trained.Initializer.Select(tensor => tensor.Name));
        Assert.Equal(before.FindInitializer("fc1.bias"), trained.FindInitializer("fc1.bias"));
        Assert.Equal(before.FindInitializer("fc2.bias"), trained.FindInitializer("fc2.bias"));
        var (a, b) = (checkpoint.ReadParameter("fc2.lora_A.weight"), checkpoint.ReadParameter("fc2.lora_B.weight"));
        var merged = trained.FindInitializer("fc2.weight")!.ToSingles();
        for (var i = 0; i < merged.Length; i++)
        {
            var sum = Enumerable.Range(0, Rank).Sum(k => (double)b[(i / Hidden * Rank) + k] * a[(k * Hidden) + (i % Hidden)]);
            Assert.Equal((float)((float)_w2[i] + (Scale * sum)), merged[i]);
        }
    }

    [Fact]
    public void A_matrix_that_is_frozen_is_merged_and_exported_with_what_it_began_with()
    {
        var (prepared, _) = Train("""{ "r": 2, "target_modules": ["fc1", "fc2"] }""", frozen: """["*.lora_A.weight", "fc1.lora_B.weight"]""");
        Assert.Equal(["fc2.lora_B.weight"], prepared.Trainable);
        var adapters = prepared.Adaptation!.State.Adapters;
        using var checkpoint = CheckpointReader.Open(Path.Combine(_folder, "work", "checkpoints", "step-00000006"));

        CheckpointExport.WriteModel(checkpoint, null, Path.Combine(_folder, "export.onnx"));
        CheckpointExport.WriteAdapter(checkpoint, Path.Combine(_folder, "adapter"));

        var before = OnnxModel.Load(Path.Combine(_folder, "model.onnx")).Graph;
        foreach (var file in (string[])["work/model.onnx", "export.onnx"])
        {
            var trained = OnnxModel.Load(Path.Combine(_folder, file)).Graph;
            Assert.Equal(before.FindInitializer("fc1.weight")!.ToSingles(), trained.FindInitializer("fc1.weight")!.ToSingles());
            Assert.Equal(
                adapters[1].Merge(before.FindInitializer("fc2.weight")!.ToSingles(), LowRankAdaptation.Start(adapters[1], 7), checkpoint.ReadParameter("fc2.lora_B.weight")),
                trained.FindInitializer("fc2.weight")!.ToSingles());
        }

        using var exported = SafetensorsFile.Read(Path.Combine(_folder, "adapter", "adapter_model.safetensors"));
        Assert.Equal(LowRankAdaptation.Start(adapters[0], 7), exported.ReadSingles("base_model.model.fc1.lora_A.weight"));
        Assert.All(exported.ReadSingles("base_model.model.fc1.lora_B.weight"), value => Assert.Equal(0, value));
        Assert.Equal(checkpoint.ReadParameter("fc2.lora_B.weight"), exported.ReadSingles("base_model.model.fc2.lora_B.weight"));
    }

    [Fact]
    public void Stages_shard_adapters_alone()
    {
        var forecast = TrainingForecast.Of(TrainingConfiguration.Load(Write("""{ "r": 2 }""", null)), worldSize: 2);

        // Two adapters' matrices of 22 elements, each padded to a block of 256; the weights themselves take no gradients and no state.
        Assert.Equal(["fc1.lora_A.weight", "fc1.lora_B.weight"], forecast.Prepared.Trainable);
        Assert.All(forecast.Stages, stage => Assert.InRange(stage.ModelState.Total, 1, 2 * 256 * 4 * sizeof(float)));
    }

    [Fact]
    public void What_drops_before_adapters_trains_otherwise_whatever_the_models_own_dropout_is()
    {
        var (_, plain) = Train("""{ "r": 2, "target_modules": ["fc1", "fc2"] }""");
        var (_, dropped) = Train("""{ "r": 2, "target_modules": ["fc1", "fc2"], "lora_dropout": 0.5 }""");
        var (_, off) = Train("""{ "r": 2, "target_modules": ["fc1", "fc2"], "lora_dropout": 0.5 }""", dropout: "false");

        // As long as B is zero, nothing that is dropped matters.
        Assert.Equal(plain[0], dropped[0]);
        Assert.All(plain.Zip(dropped).Skip(1), pair => Assert.NotEqual(pair.First, pair.Second));
        Assert.Equal(dropped, off);
        var exception = Assert.Throws<ConfigurationException>(() => Train("""{ "lora_dropout": 0.5 }""", dropout: "true"));
        Assert.Contains("model.dropout switches dropouts on, but", exception.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("{}", "fc1.lora_A.weight [8, 5]; fc1.lora_B.weight [6, 8]")]
    [InlineData("""{ "target_modules": ["all-linear"] }""", "fc1.lora_A.weight [8, 5]; fc1.lora_B.weight [6, 8]")]
    [InlineData("""{ "target_modules": ["fc2"], "r": 4 }""", "fc2.lora_A.weight [4, 6]; fc2.lora_B.weight [3, 4]")]
    [InlineData("""{ "target_modules": ["fc*"], "exclude_modules": ["fc1"] }""", "fc2.lora_A.weight [8, 6]; fc2.lora_B.weight [3, 8]")]
    [InlineData("""{ "target_modules": ["regex:^fc[13]$"] }""", "fc1.lora_A.weight [8, 5]; fc1.lora_B.weight [6, 8]")]
    [InlineData("""{ "target_modules": ["fc1.weight"] }""", "fc1.lora_A.weight [8, 5]; fc1.lora_B.weight [6, 8]")]
    [InlineData("""{ "target_modules": ["/net/fc1"] }""", "fc1.lora_A.weight [8, 5]; fc1.lora_B.weight [6, 8]")]
    [InlineData("""{ "target_modules": ["*/fc?/MatMul"] }""", "fc1.lora_A.weight [8, 5]; fc1.lora_B.weight [6, 8]")]
    [InlineData("""{ "modules_to_save": ["fc2"] }""", "fc1.lora_A.weight [8, 5]; fc1.lora_B.weight [6, 8]; fc2.weight [3, 6]; fc2.bias [3]")]
    [InlineData("""{ "modules_to_save": ["*.bias"] }""", "fc1.lora_A.weight [8, 5]; fc1.lora_B.weight [6, 8]; fc1.bias [6]; fc2.bias [3]")]
    [InlineData("""{ "bias": "all" }""", "fc1.lora_A.weight [8, 5]; fc1.lora_B.weight [6, 8]; fc1.bias [6]; fc2.bias [3]")]
    [InlineData("""{ "bias": "lora_only" }""", "fc1.lora_A.weight [8, 5]; fc1.lora_B.weight [6, 8]; fc1.bias [6]")]
    [InlineData("""{ "bias": "lora_only", "target_modules": ["fc2"] }""", "fc2.lora_A.weight [8, 6]; fc2.lora_B.weight [3, 8]; fc2.bias [3]")]
    [InlineData("""{ "target_modules": ["fc1", "fc2"], "rank_pattern": { "fc2": 3 } }""", "fc1.lora_A.weight [8, 5]; fc1.lora_B.weight [6, 8]; fc2.lora_A.weight [3, 6]; fc2.lora_B.weight [3, 3]")]
    public void Patterns_choose_what_is_trained(string lora, string trained)
    {
        var prepared = Prepare(lora);
        var settings = prepared.Groups.Parameters.Where(parameter => !parameter.Frozen).ToList();

        Assert.Equal(trained, string.Join("; ", settings.Select(parameter => $"{parameter.Name} [{string.Join(", ", parameter.Shape)}]")));
        Assert.All(settings.Where(parameter => parameter.Name.Contains("lora", StringComparison.Ordinal)), parameter => Assert.Equal(ParameterKind.Linear, parameter.Kind));
        Assert.All(prepared.Groups.Parameters.Where(parameter => parameter.Frozen), parameter => Assert.Contains("model.lora", parameter.Reason, StringComparison.Ordinal));
        Assert.Contains("model.lora puts adapters beside", prepared.Import.Messages[^1], StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("""{ "r": 4, "lora_alpha": 16 }""", 4)]
    [InlineData("""{ "r": 4, "lora_alpha": 16, "use_rslora": true }""", 8)]
    [InlineData("""{ "r": 4, "lora_alpha": 16, "rank_pattern": { "fc1": 2 } }""", 8)]
    [InlineData("""{ "r": 4, "lora_alpha": 16, "alpha_pattern": { "fc1": 2 } }""", 0.5)]
    public void The_scale_is_alpha_by_rank(string lora, double scale) =>
        Assert.Equal(scale, Assert.Single(Prepare(lora).Adaptation!.State.Adapters).Scale);

    [Fact]
    public void Rules_of_groups_apply_to_adapters_by_their_names()
    {
        var prepared = Prepare("""{ "target_modules": ["fc1", "fc2"] }""", paramwise: """{ "custom_keys": { "lora_B": { "lr_mult": 16 }, "fc2.": { "lr_mult": 0.5 } } }""");

        Assert.Equal(
            [0.05, 0.8, 0.025, 0.8], prepared.Groups.Parameters.Where(parameter => !parameter.Frozen).Select(parameter => parameter.LearningRate));
    }

    [Fact]
    public void A_weight_that_several_nodes_share_gets_one_adapter()
    {
        var prepared = Prepare("""{ "target_modules": ["fc1"] }""", shared: true);

        Assert.Equal(["fc1.lora_A.weight", "fc1.lora_B.weight"], prepared.Trainable);
        Assert.Equal(2, prepared.Model.Graph.Node.Count(node => node.OpType == "Transpose" && node.Input[0] == "fc1.lora_A.weight"));
    }

    [Fact]
    public void A_begins_uniformly_with_numbers_of_its_own()
    {
        var adapter = Prepare("""{ "r": 200, "target_modules": ["fc2"] }""").Adaptation!.State.Adapters[0];
        var start = LowRankAdaptation.Start(adapter, 3);
        var bound = 1 / Math.Sqrt(Hidden);

        Assert.Equal(Prepare("""{ "r": 200, "target_modules": ["fc1", "fc2"] }""", seed: 3).Model.Graph.FindInitializer("fc2.lora_A.weight")!.ToSingles(), start);
        Assert.All(start, value => Assert.InRange(value, -bound, bound));
        Assert.Equal(0, start.Average(), 0.05 * bound);
        Assert.Equal(bound * bound / 3, start.Average(value => (double)value * value), 0.05 * bound * bound);
        Assert.NotEqual(start, LowRankAdaptation.Start(adapter, 4));
        Assert.NotEqual(start, LowRankAdaptation.Start(adapter with { A = "other" }, 3));
        // Philox4x32-10 with the key 3 and the counter (place, FNV-1a of the name); they must stay so, as a frozen A is not in checkpoints.
        Assert.Equal([-0.0248713363f, 0.015610585f], start[..2]);
    }

    [Theory]
    [InlineData("""{ "target_modules": ["fc3"] }""", "model.lora.target_modules.0 is \"fc3\", which matches no weight of a MatMul or Gemm; did you mean \"fc1\"?")]
    [InlineData("""{ "target_modules": ["fc1.bias"] }""", "model.lora.target_modules.0 is \"fc1.bias\", but fc1.bias can have no adapter: it has 1 axes, and only matrices have adapters.")]
    [InlineData("""{ "exclude_modules": ["fc2"] }""", "model.lora.exclude_modules.0 is \"fc2\", which matches none of the modules that would have an adapter; did you mean \"fc1\"?")]
    [InlineData("""{ "exclude_modules": ["*"] }""", "model.lora.exclude_modules leaves no module that has an adapter: remove a pattern.")]
    [InlineData("""{ "modules_to_save": ["head"] }""", "model.lora.modules_to_save.0 is \"head\", which matches no parameter; there are \"fc1\", \"fc1.bias\", \"fc2\", \"fc2.bias\".")]
    [InlineData("""{ "rank_pattern": { "fc2": 2 } }""", "model.lora.rank_pattern is \"fc2\", which matches no module that has an adapter; did you mean \"fc1\"?")]
    [InlineData("""{ "target_modules": ["fc1"], "modules_to_save": ["fc1"] }""", "model.lora.target_modules.0 is \"fc1\", which matches fc1.weight, but model.lora.modules_to_save trains that whole: leave it out of one of them.")]
    [InlineData("""{ "modules_to_save": ["fc1"] }""", "model.lora.target_modules.0 finds no weight that can have an adapter; fc1.bias has 1 axes, and only matrices have adapters.")]
    public void Patterns_that_match_nothing_are_answered(string lora, string problem) =>
        Assert.Equal($"{Path.Combine(_folder, "cfg.json")}: {problem}", Assert.Single(Assert.Throws<ConfigurationException>(() => Prepare(lora)).Problems));

    [Theory]
    [InlineData("""{ "r": 0 }""", "model.lora.r is 0, but must be at least 1.")]
    [InlineData("""{ "lora_alpha": 0 }""", "model.lora.lora_alpha is 0, but must be above 0.")]
    [InlineData("""{ "lora_dropout": 1 }""", "model.lora.lora_dropout is 1, but must be at least 0 and below 1.")]
    [InlineData("""{ "target_modules": [] }""", "model.lora.target_modules is an empty list, so there would be no adapter; name modules, or remove it for all linear ones.")]
    [InlineData("""{ "target_modules": [""] }""", "model.lora.target_modules.0 is empty, which would match every module; remove it.")]
    [InlineData("""{ "exclude_modules": ["regex:("] }""", "model.lora.exclude_modules.0 is not a regular expression: Invalid pattern '(' at offset 1. Not enough )'s.")]
    [InlineData("""{ "modules_to_save": ["regex:(?=a)"] }""", "model.lora.modules_to_save.0 has a lookaround or backreference, which are not supported; write it without, or use several patterns.")]
    [InlineData("""{ "rank_pattern": { "fc1": 0 } }""", "model.lora.rank_pattern.fc1 is 0, but must be at least 1.")]
    [InlineData("""{ "alpha_pattern": { "fc1": -1 } }""", "model.lora.alpha_pattern.fc1 is -1, but must be above 0.")]
    [InlineData("""{ "bias": "some" }""", "model.lora.bias is the string \"some\", which this version does not have; it has \"none\", \"all\", \"lora_only\".")]
    [InlineData("""{ "rank": 4 }""", "model.lora.rank is not a known key; did you mean model.lora.r?")]
    public void Mistakes_are_told(string lora, string problem) =>
        Assert.Contains(Assert.Throws<ConfigurationException>(() => Prepare(lora)).Problems, found => found.EndsWith(problem, StringComparison.Ordinal));

    private PreparedModel Prepare(string lora, string? paramwise = null, bool shared = false, int seed = 7) =>
        PreparedModel.Load(TrainingConfiguration.Load(Write(lora, null, paramwise, shared), [$"randomness.seed={seed}"]));

    private (PreparedModel Prepared, List<double> Losses) Train(string lora, string? dropout = null, string frozen = "[]")
    {
        using var communicator = new SingleProcessCommunicator();
        using var run = TrainingRun.Open(TrainingConfiguration.Load(Write(lora, dropout), [$"model.frozen={frozen}"]), communicator, NullLogger.Instance);
        run.Execute(CancellationToken.None);
        var lines = File.ReadAllLines(Path.Combine(_folder, "work", "metrics.jsonl")).Select(line => JsonNode.Parse(line)!).ToList();
        return (run.Prepared, [.. lines.Select(line => line["loss"]!.GetValue<double>())]);
    }

    private string Write(string lora, string? dropout, string? paramwise = null, bool shared = false)
    {
        WriteModel(shared);
        File.WriteAllBytes(Path.Combine(_folder, "x.npy"), NpyBytes.Of<float>("<f4", $"({Samples}, {Inputs})", Array.ConvertAll(_x, value => (float)value)));
        File.WriteAllBytes(Path.Combine(_folder, "labels.npy"), NpyBytes.Of<long>("<i8", $"({Samples},)", _labels));
        var root = JsonNode.Parse("""
            {
              "model": { "path": "model.onnx", "loss": { "type": "cross_entropy", "output": "scores", "labels": "labels" } },
              "data": { "train": { "fields": { "x": "x.npy", "labels": "labels.npy" } } },
              "train_cfg": { "max_epochs": 1 },
              "micro_batch_size": 4,
              "optim_wrapper": { "optimizer": { "type": "AdamW", "lr": 0.05, "betas": [0.9, 0.99], "weight_decay": 0.1 } },
              "randomness": { "seed": 7 },
              "checkpoint": { "interval": 6 },
              "log": { "interval": 1 }
            }
            """)!;
        root["model"]!["lora"] = JsonNode.Parse(lora);
        if (dropout is not null)
        {
            root["model"]!["dropout"] = JsonNode.Parse(dropout);
        }

        if (paramwise is not null)
        {
            root["optim_wrapper"]!["paramwise_cfg"] = JsonNode.Parse(paramwise);
        }

        var path = Path.Combine(_folder, "cfg.json");
        File.WriteAllText(path, root.ToJsonString());
        return path;
    }

    // x·W1 + b1 by MatMul with [inputs, outputs], then a Gemm with [outputs, inputs].
    private void WriteModel(bool shared)
    {
        var graph = new GraphProto { Name = "net" };
        graph.Initializer.Add(TensorFactory.FromSingles("fc1.weight", [Inputs, Hidden], Array.ConvertAll(_w1, value => (float)value)));
        graph.Initializer.Add(TensorFactory.FromSingles("fc1.bias", [Hidden], Array.ConvertAll(_b1, value => (float)value)));
        graph.Initializer.Add(TensorFactory.FromSingles("fc2.weight", [Classes, Hidden], Array.ConvertAll(_w2, value => (float)value)));
        graph.Initializer.Add(TensorFactory.FromSingles("fc2.bias", [Classes], Array.ConvertAll(_b2, value => (float)value)));
        graph.Node.Add(NodeFactory.Create("MatMul", ["x", "fc1.weight"], ["h0"], "/net/fc1/MatMul"));
        graph.Node.Add(NodeFactory.Create("Add", ["fc1.bias", "h0"], ["h1"], "/net/fc1/Add"));
        graph.Node.Add(NodeFactory.Create("Tanh", ["h1"], ["h2"], "/net/Tanh"));
        if (shared)
        {
            graph.Node.Add(NodeFactory.Create("Neg", ["x"], ["minus"], "/net/Neg"));
            graph.Node.Add(NodeFactory.Create("MatMul", ["minus", "fc1.weight"], ["again"], "/net/again/MatMul"));
            graph.Node.Add(NodeFactory.Create("Mul", ["h2", "again"], ["h3"], "/net/Mul"));
        }

        graph.Node.Add(NodeFactory.Create("Gemm", [shared ? "h3" : "h2", "fc2.weight", "fc2.bias"], ["scores"], "/net/fc2/Gemm").SetInt("transB", 1));
        graph.Input.Add(ValueInfos.Create("x", TensorElementType.Float, ["N", Inputs]));
        graph.Output.Add(ValueInfos.Create("scores", TensorElementType.Float, ["N", Classes]));
        var model = new ModelProto { IrVersion = 8, Graph = graph };
        model.OpsetImport.Add(new OperatorSetIdProto { Version = 17 });
        File.WriteAllBytes(Path.Combine(_folder, "model.onnx"), model.ToByteArray());
    }

    private double Slope(double[][] values, int index, int place, double scale, int start)
    {
        const double Step = 1e-5;
        var at = values[index][place];
        values[index][place] = at + Step;
        var up = Loss(values, scale, start);
        values[index][place] = at - Step;
        var down = Loss(values, scale, start);
        values[index][place] = at;
        return (up - down) / (2 * Step);
    }

    private double Loss(double[][] values, double scale, int start)
    {
        var sum = 0.0;
        for (var sample = start; sample < start + Batch; sample++)
        {
            var x = _x.AsSpan(sample * Inputs, Inputs).ToArray();
            var hidden = Layer(x, Hidden, (o, i) => (float)_w1[(i * Hidden) + o], _b1, values[0], values[1], scale).Select(Math.Tanh).ToArray();
            var scores = Layer(hidden, Classes, (o, i) => (float)_w2[(o * Hidden) + i], _b2, values[2], values[3], scale);
            sum += Math.Log(scores.Sum(Math.Exp)) - scores[_labels[sample]];
        }

        return sum / Batch;
    }

    private static double[] Layer(double[] x, int outputs, Func<int, int, double> weight, double[] bias, double[] a, double[] b, double scale)
    {
        var inner = Enumerable.Range(0, Rank).Select(k => x.Select((value, i) => value * a[(k * x.Length) + i]).Sum()).ToArray();
        return [.. Enumerable.Range(0, outputs).Select(o =>
            bias[o] + x.Select((value, i) => value * weight(o, i)).Sum() + (scale * inner.Select((value, k) => value * b[(o * Rank) + k]).Sum()))];
    }

    private static double[] Doubles(float[] values) => Array.ConvertAll(values, value => (double)value);

    private static double[] Numbers(int seed, int count)
    {
        var random = new Random(seed);
        return [.. Enumerable.Range(0, count).Select(_ => (double)(float)((random.NextDouble() * 2) - 1))];
    }
}
