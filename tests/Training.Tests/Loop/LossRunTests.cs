using System.Text.Json.Nodes;
using Google.Protobuf;
using Microsoft.Extensions.Logging.Abstractions;
using OrtZero.Mpi;
using OrtZero.Onnx;
using OrtZero.Onnx.Protobuf;

namespace OrtZero.Training.Tests;

/// <summary>
/// Every kind of model.loss trains a linear model for three updates of plain gradient descent. What it should do is computed here in
/// float64: the loss by its definition, its gradient by central differences.
/// </summary>
public sealed class LossRunTests : IDisposable
{
    private const int Samples = 24;
    private const int Batch = 4;
    private const int Inputs = 3;
    private const int Scores = 6;
    private const double LearningRate = 0.2;
    private static readonly double[] s_weights = [0.5, 2, 0, 1, 1.5, 0.25];

    private readonly string _folder = RepositoryPaths.NewTemporaryFolder();
    private readonly double[] _x = Numbers(1, Samples * Inputs);
    private readonly double[] _start = Numbers(2, (Inputs + 1) * Scores);
    private readonly double[] _values = Numbers(3, Samples * Scores);
    private readonly long[] _classes = [.. Enumerable.Range(0, Samples).Select(i => i % 7 == 3 ? -1L : (i * 5) % Scores)];
    private readonly long[] _sides = [.. Enumerable.Range(0, Samples * 2).Select(i => i < 5 || i % 5 == 2 ? -100L : (i * 7) % 3)];
    private readonly byte[] _hits = [.. Enumerable.Range(0, Samples * Scores).Select(i => (byte)((i * 11 / 3) % 2))];
    private readonly double[] _shares;

    public LossRunTests()
    {
        _shares = Numbers(4, Samples * Scores);
        for (var sample = 0; sample < Samples; sample++)
        {
            var row = _shares.AsSpan(sample * Scores, Scores);
            row[sample % Scores] = 0;
            var sum = 0.0;
            foreach (ref var share in row)
            {
                share = Math.Abs(share);
                sum += share;
            }

            foreach (ref var share in row)
            {
                share = (float)(share / sum);
            }
        }
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void A_cross_entropy_weighs_classes_smooths_and_ignores() => Check(
        """{ "type": "cross_entropy", "output": "scores", "labels": "classes", "ignore_index": -1, "label_smoothing": 0.1, "class_weights": [0.5, 2, 0, 1, 1.5, 0.25] }""",
        (scores, sample) => CrossEntropy(scores, Scores, _classes[sample], -1, 0.1, s_weights));

    [Fact]
    public void Classes_of_a_cross_entropy_may_lie_along_axis_1() => Check(
        """{ "type": "cross_entropy", "output": "sides", "labels": "sides_labels", "axis": 1 }""", SidesLoss);

    [Fact]
    public void Mse_is_the_mean_square() => Check(
        """{ "type": "mse", "output": "scores", "labels": "values" }""", (scores, sample) => Mean(scores, sample, (d, _, _) => d * d));

    [Fact]
    public void L1_is_the_mean_distance() => Check(
        """{ "type": "l1", "output": "scores", "labels": "values" }""", (scores, sample) => Mean(scores, sample, (d, _, _) => Math.Abs(d)));

    [Fact]
    public void Huber_is_a_square_that_becomes_a_line() => Check(
        """{ "type": "huber", "output": "scores", "labels": "values", "delta": 0.7 }""",
        (scores, sample) => Mean(scores, sample, (d, _, _) => Math.Abs(d) <= 0.7 ? d * d / 2 : 0.7 * (Math.Abs(d) - 0.35)));

    [Fact]
    public void Binary_cross_entropy_weighs_positives() => Check(
        """{ "type": "bce_with_logits", "output": "scores", "labels": "hits", "pos_weight": [0.5, 2, 0, 1, 1.5, 0.25] }""",
        (scores, sample) => Mean(scores, sample, (_, score, i) =>
        {
            var probability = 1 / (1 + Math.Exp(-score));
            return _hits[i] == 1 ? -s_weights[i % Scores] * Math.Log(probability) : -Math.Log(1 - probability);
        }));

    [Fact]
    public void A_divergence_counts_samples() => Check(
        """{ "type": "kl_div", "output": "logarithms", "labels": "shares" }""", (scores, sample) =>
        {
            var normalizer = Math.Log(scores.Sum(Math.Exp));
            return (scores.Select((score, i) => _shares[(sample * Scores) + i] is > 0 and var share ? share * (Math.Log(share) - score + normalizer) : 0).Sum(), 1);
        });

    [Fact]
    public void A_model_may_compute_its_loss() => Check(
        """{ "type": "output", "output": "loss" }""", (scores, _) => (scores.Sum(score => score * score) / Scores, 1));

    [Fact]
    public void Losses_on_several_outputs_are_added_by_weight() => Check(
        """
        [ { "type": "cross_entropy", "output": "sides", "labels": "sides_labels", "axis": 1 },
          { "type": "mse", "output": "scores", "labels": "values", "weight": 0.3 },
          { "type": "output", "output": "loss", "weight": -0.05 } ]
        """,
        SidesLoss,
        (scores, sample) => Mean(scores, sample, (d, _, _) => 0.3 * d * d),
        (scores, _) => (-0.05 * scores.Sum(score => score * score) / Scores, 1));

    [Theory]
    [InlineData("micro_batch")]
    [InlineData("global")]
    public void Labels_that_count_unevenly_are_averaged_as_asked(string normalize) => Check(
        $$"""{ "type": "cross_entropy", "output": "scores", "labels": "classes", "ignore_index": -1, "class_weights": [0.5, 2, 0, 1, 1.5, 0.25], "normalize": "{{normalize}}" }""",
        (scores, sample) => CrossEntropy(scores, Scores, _classes[sample], -1, 0, s_weights));

    [Fact]
    public void Several_losses_are_each_divided_by_what_they_count_in_the_whole_update() => Check(
        """
        [ { "type": "cross_entropy", "output": "sides", "labels": "sides_labels", "axis": 1, "normalize": "global" },
          { "type": "cross_entropy", "output": "scores", "labels": "classes", "ignore_index": -1, "class_weights": [0.5, 2, 0, 1, 1.5, 0.25], "weight": 0.3, "normalize": "global" },
          { "type": "mse", "output": "logarithms", "labels": "shares", "weight": 0.1 },
          { "type": "output", "output": "loss", "weight": -0.05, "normalize": "global" } ]
        """,
        SidesLoss,
        (scores, sample) => CrossEntropy(scores, Scores, _classes[sample], -1, 0, s_weights) is var (sum, count) ? (0.3 * sum, count) : default,
        (scores, sample) => (scores.Select((score, i) => 0.1 * Math.Pow(score - Math.Log(scores.Sum(Math.Exp)) - _shares[(sample * Scores) + i], 2)).Sum(), Scores),
        (scores, _) => (-0.05 * scores.Sum(score => score * score) / Scores, 1));

    [Fact]
    public void Labels_lie_in_an_axis_of_length_one_or_without_it()
    {
        var (losses, _) = Train("""{ "type": "mse", "output": "scores", "labels": "values" }""", labelsShape: $"({Samples}, 1, {Scores})");
        Assert.Equal(6, losses.Count);
    }

    [Theory]
    [InlineData("""{ "type": "mse", "output": "sides", "labels": "values" }""", "data.train.fields.values:", "labels of [4, 6]", "'sides', [4, 3, 2], needs [4, 3, 2]")]
    [InlineData("""{ "type": "cross_entropy", "output": "sides", "labels": "sides_labels" }""", "'sides' with classes along axis -1, [4, 3, 2], need [4, 3]", "labels of [4, 2]")]
    [InlineData("""{ "type": "cross_entropy", "output": "scores", "labels": "values" }""", "values", "holds Float, which does not go into the model input \"values\" of type Int64")]
    [InlineData("""[{ "type": "cross_entropy", "output": "scores", "labels": "classes" }, { "type": "mse", "output": "scores", "labels": "classes" }]""", "data.train.fields.classes", "give each loss a field of its own")]
    [InlineData("""[{ "type": "mse", "output": "scores", "labels": "values" }, { "type": "mse", "output": "score", "labels": "values" }]""", "model.loss.1.output is 'score'", "'scores', 'sides', 'logarithms', 'loss': name one of them")]
    [InlineData("""{ "type": "cross_entropy", "output": "scores", "labels": "classes", "ignore_index": -1, "class_weights": [1, 2] }""", "2 class weights for the 6 classes of output 'scores'")]
    public void Labels_that_do_not_fit_are_named(string loss, params string[] parts)
    {
        var exception = Assert.ThrowsAny<Exception>(() => Train(loss));
        Assert.All(parts, part => Assert.Contains(part, exception.Message, StringComparison.Ordinal));
    }

    private (double Sum, double Count) SidesLoss(double[] scores, int sample)
    {
        var (sum, count) = (0.0, 0.0);
        for (var side = 0; side < 2; side++)
        {
            var (loss, weight) = CrossEntropy([scores[side], scores[2 + side], scores[4 + side]], 3, _sides[(sample * 2) + side], -100, 0, [1, 1, 1]);
            (sum, count) = (sum + loss, count + weight);
        }

        return (sum, count);
    }

    private (double Sum, double Count) Mean(double[] scores, int sample, Func<double, double, int, double> loss) => (scores.Select((score, i) =>
        loss(score - _values[(sample * Scores) + i], score, (sample * Scores) + i)).Sum(), Scores);

    // torch.nn.functional.cross_entropy: with smoothing e, (1 - e) w_y log p_y + e/C sum_c w_c log p_c, over the sum of w_y.
    private static (double Sum, double Count) CrossEntropy(double[] scores, int classes, long label, long ignored, double smoothing, double[] weights)
    {
        if (label == ignored)
        {
            return (0, 0);
        }

        var normalizer = Math.Log(scores.Sum(Math.Exp));
        var spread = scores.Select((score, i) => weights[i] * (normalizer - score)).Sum();
        return (((1 - smoothing) * weights[label] * (normalizer - scores[label])) + (smoothing / classes * spread), weights[label]);
    }

    private void Check(string loss, params Func<double[], int, (double Sum, double Count)>[] terms)
    {
        var isGlobal = loss.Contains("global", StringComparison.Ordinal);
        var (losses, norms) = Train(loss);
        var parameters = (double[])_start.Clone();
        for (var update = 0; update < losses.Count / 2; update++)
        {
            var gradient = new double[parameters.Length];
            for (var i = 0; i < gradient.Length; i++)
            {
                var (up, down) = ((double[])parameters.Clone(), (double[])parameters.Clone());
                (up[i], down[i]) = (up[i] + 1e-5, down[i] - 1e-5);
                gradient[i] = (Objective(up, update) - Objective(down, update)) / 2e-5;
            }

            foreach (var micro in (int[])[0, 1])
            {
                // Of several losses a micro-batch shows its part of the update's.
                var own = terms.Select(term => Sum(parameters, (update * 2) + micro, term)).ToArray();
                var expected = isGlobal && terms.Length > 1
                    ? terms.Zip(own, (term, part) => part.Sum * 2 / Math.Max(1e-9, part.Count + Sum(parameters, (update * 2) + 1 - micro, term).Count)).Sum()
                    : own.Sum(Ratio);
                Assert.Equal(expected, losses[(update * 2) + micro], 1e-6 + (2e-6 * Math.Abs(expected)));
            }

            Assert.Equal(Math.Sqrt(gradient.Sum(g => g * g)), norms[update], 2e-5);
            parameters = [.. parameters.Zip(gradient, (value, slope) => value - (LearningRate * slope))];
        }

        double Objective(double[] at, int update)
        {
            var micros = terms.Select(term => (First: Sum(at, update * 2, term), Second: Sum(at, (update * 2) + 1, term)));
            return micros.Sum(pair => isGlobal
                ? Ratio((pair.First.Sum + pair.Second.Sum, pair.First.Count + pair.Second.Count))
                : (Ratio(pair.First) + Ratio(pair.Second)) / 2);
        }

        static double Ratio((double Sum, double Count) pair) => pair.Count == 0 ? 0 : pair.Sum / pair.Count;
    }

    private (double Sum, double Count) Sum(double[] parameters, int iteration, Func<double[], int, (double Sum, double Count)> term)
    {
        var (sum, count) = (0.0, 0.0);
        for (var sample = iteration * Batch; sample < (iteration + 1) * Batch; sample++)
        {
            var scores = new double[Scores];
            for (var i = 0; i < Scores; i++)
            {
                scores[i] = parameters[(Inputs * Scores) + i];
                for (var j = 0; j < Inputs; j++)
                {
                    scores[i] += _x[(sample * Inputs) + j] * parameters[(j * Scores) + i];
                }
            }

            var (part, weight) = term(scores, sample);
            (sum, count) = (sum + part, count + weight);
        }

        return (sum, count);
    }

    /// <summary>The loss of every micro-batch and the gradient norm of every update.</summary>
    private (List<double> Losses, List<double> Norms) Train(string loss, string labelsShape = "(24, 6)")
    {
        WriteModel();
        Write("x.npy", "<f4", $"({Samples}, {Inputs})", Array.ConvertAll(_x, value => (float)value));
        Write("values.npy", "<f4", labelsShape, Array.ConvertAll(_values, value => (float)value));
        Write("shares.npy", "<f4", labelsShape, Array.ConvertAll(_shares, value => (float)value));
        Write("hits.npy", "|u1", labelsShape, _hits);
        Write("classes.npy", "<i8", $"({Samples},)", _classes);
        Write("sides_labels.npy", "<i8", $"({Samples}, 2)", _sides);
        var root = JsonNode.Parse("""
            {
              "model": { "path": "model.onnx" },
              "data": { "train": { "fields": { "x": "x.npy" } } },
              "train_cfg": { "max_epochs": 1 },
              "micro_batch_size": 4,
              "optim_wrapper": { "optimizer": { "type": "SGD", "lr": 0.2 }, "accumulative_counts": 2 },
              "log": { "interval": 1 }
            }
            """)!;
        root["model"]!["loss"] = JsonNode.Parse(loss);
        foreach (var field in (string[])["values", "shares", "hits", "classes", "sides_labels"])
        {
            if (loss.Contains($"\"{field}\"", StringComparison.Ordinal))
            {
                root["data"]!["train"]!["fields"]![field] = $"{field}.npy";
            }
        }

        var path = Path.Combine(_folder, "cfg.json");
        File.WriteAllText(path, root.ToJsonString());
        using var communicator = new SingleProcessCommunicator();
        using var run = TrainingRun.Open(TrainingConfiguration.Load(path), communicator, NullLogger.Instance);
        run.Execute(CancellationToken.None);
        var lines = File.ReadAllLines(Path.Combine(_folder, "work", "metrics.jsonl")).Select(line => JsonNode.Parse(line)!).ToList();
        return ([.. lines.Select(line => line["loss"]!.GetValue<double>())],
            [.. lines.Where((_, index) => index % 2 == 1).Select(line => line["grad_norm"]!.GetValue<double>())]);
    }

    private void WriteModel()
    {
        var graph = new GraphProto { Name = "linear" };
        graph.Initializer.Add(TensorFactory.FromSingles("weight", [Inputs, Scores], Array.ConvertAll(_start[..(Inputs * Scores)], value => (float)value)));
        graph.Initializer.Add(TensorFactory.FromSingles("bias", [Scores], Array.ConvertAll(_start[(Inputs * Scores)..], value => (float)value)));
        graph.Initializer.Add(TensorFactory.Vector("shape", -1, 3, 2));
        graph.Node.Add(NodeFactory.Create("Gemm", ["x", "weight", "bias"], ["scores"], "gemm"));
        graph.Node.Add(NodeFactory.Create("Reshape", ["scores", "shape"], ["sides"], "sides"));
        graph.Node.Add(NodeFactory.Create("LogSoftmax", ["scores"], ["logarithms"], "logarithms"));
        graph.Node.Add(NodeFactory.Create("Mul", ["scores", "scores"], ["squares"], "squares"));
        graph.Node.Add(NodeFactory.Create("ReduceMean", ["squares"], ["loss"], "mean").SetInt("keepdims", 0));
        graph.Input.Add(Describe("x", "N", Inputs));
        graph.Output.Add(Describe("scores", "N", Scores));
        graph.Output.Add(Describe("sides", "N", 3, 2));
        graph.Output.Add(Describe("logarithms", "N", Scores));
        graph.Output.Add(Describe("loss"));
        var model = new ModelProto { IrVersion = 8, Graph = graph };
        model.OpsetImport.Add(new OperatorSetIdProto { Version = 17 });
        File.WriteAllBytes(Path.Combine(_folder, "model.onnx"), model.ToByteArray());
    }

    private static ValueInfoProto Describe(string name, string? first = null, params long[] others)
    {
        var shape = new TensorShapeProto();
        if (first is not null)
        {
            shape.Dim.Add(new TensorShapeProto.Types.Dimension { DimParam = first });
        }

        shape.Dim.AddRange(others.Select(length => new TensorShapeProto.Types.Dimension { DimValue = length }));
        return new ValueInfoProto { Name = name, Type = new TypeProto { TensorType = new TypeProto.Types.Tensor { ElemType = (int)TensorElementType.Float, Shape = shape } } };
    }

    private void Write<T>(string name, string type, string shape, T[] values)
        where T : unmanaged => File.WriteAllBytes(Path.Combine(_folder, name), NpyBytes.Of<T>(type, shape, values));

    private static double[] Numbers(int seed, int count)
    {
        var random = new Random(seed);
        return [.. Enumerable.Range(0, count).Select(_ => (double)(float)((random.NextDouble() * 2) - 1))];
    }
}
