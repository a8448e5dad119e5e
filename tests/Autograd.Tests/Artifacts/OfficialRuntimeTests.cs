using System.Globalization;
using OrtZero.Autograd.Internal;
using OrtZero.Kernels;
using OrtZero.Onnx;
using OrtZero.Onnx.Protobuf;

namespace OrtZero.Autograd.Tests;

/// <summary>What is written here, trained by ONNX Runtime's own training.</summary>
public class OfficialRuntimeTests
{
    private const int Steps = 5;
    private const double Rate = 1e-3;

    // The first seven are zoo fixtures, one of them with batch normalizations in training mode.
    private static readonly string[] s_models = ["activations", "bert", "cnn_bn", "llama_rope_gqa", "lstm", "moe", "unet", "vlm", "gpt_nano"];

    [Fact]
    public async Task Artifacts_written_here_train_there_as_here_and_the_official_fixture_gives_its_losses()
    {
        static string Fixture(string name) => RepositoryPaths.Fixture("ort-artifacts", name);
        var folder = RepositoryPaths.NewTemporaryFolder();
        try
        {
            var optimizer = new OfficialOptimizer { IsTorchOrder = true, Beta2 = 0.95f, Epsilon = 1e-8f, WeightDecay = 0.1f };
            var here = new List<double[]> { new[] { 2.1786246, 0.3605093, 0.0512532 } };
            var jobs = new List<OfficialJob>
            {
                new(
                    Fixture("training_model.onnx"), Fixture("eval_model.onnx"), Fixture("adamw.onnx"), Fixture("checkpoint.ckpt"),
                    [FixtureBatch(), FixtureBatch(), FixtureBatch()]),
            };
            foreach (var name in s_models)
            {
                var (golden, batches) = Load(name);
                var frozen = name == "vlm" ? golden.Trainable.Where(parameter => parameter.StartsWith("visual_encoder.patch", StringComparison.Ordinal)).ToArray() : [];
                string[] trainable = [.. golden.Trainable.Except(frozen)];
                var artifacts = OfficialArtifacts.Build(golden.Model, golden.Values(batches[0]), new ArtifactOptions
                {
                    Loss = new LossOptions { Type = LossOf(name), Output = golden.Model.Graph.Output[0].Name, Labels = "labels" },
                    RequiresGrad = trainable,
                    Frozen = frozen,
                    Optimizer = optimizer,
                });
                Assert.Equal(name == "vlm", frozen.Length > 0);
                Assert.Equal(frozen, artifacts.Checkpoint.Frozen.Select(tensor => tensor.Name));
                jobs.Add(OfficialJob.Save(artifacts, Path.Combine(folder, name), batches));
                var graph = golden.Build(batches[0], fused: true, trainable);
                here.Add(TrainHere(graph, golden.Model.Graph.Initializer, batches, optimizer));
                Assert.True(here[^1].Distinct().Count() == Steps, "Training changes the loss.");
            }

            AssertSame(["fixture", .. s_models], here, await OfficialRuntime.TrainAsync(jobs));
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    [Fact]
    public async Task Recurrent_training_operators_train_there_as_their_lowerings_do_here()
    {
        var folder = RepositoryPaths.NewTemporaryFolder();
        try
        {
            var optimizer = new OfficialOptimizer { IsTorchOrder = true };
            var x = Tensors.Of(TensorElementType.Float, [4, 2, 3], Tensors.Spread(24, -1.2, 1.4, 5), "x");
            Dictionary<string, TensorProto>[] batches = [.. Enumerable.Repeat(new Dictionary<string, TensorProto> { ["x"] = x }, 3)];
            (string Name, OfficialArtifacts Artifacts)[] cases =
                [("lstm", Recurrent("LSTM", 4, 0, optimizer)), ("gru", Recurrent("GRU", 3, 0, optimizer)), ("gru_linear", Recurrent("GRU", 3, 1, optimizer))];
            var here = cases.Select(item => TrainHere(item.Artifacts.ToTrainingGraph(), item.Artifacts.Checkpoint.Trainable, batches, optimizer)).ToList();
            var there = await OfficialRuntime.TrainAsync([.. cases.Select(item => OfficialJob.Save(item.Artifacts, Path.Combine(folder, item.Name), batches))]);
            AssertSame([.. cases.Select(item => item.Name)], here, there);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    // A recurrent layer as the official tool writes it, bias, first states and all, whose loss is a weighted sum of its outputs.
    private static OfficialArtifacts Recurrent(string layer, int gates, int linear, OfficialOptimizer optimizer)
    {
        const string Microsoft = "com.microsoft";
        const int Hidden = 5;
        var isLstm = layer == "LSTM";
        (string Name, long[] Shape)[] parameters =
            [("w", [1, gates * Hidden, 3]), ("r", [1, gates * Hidden, Hidden]), ("b", [1, 2 * gates * Hidden]), ("h", [1, 2, Hidden]), .. isLstm ? [("c", [1L, 2, Hidden])] : ((string, long[])[])[]];
        var tensors = parameters.Select((parameter, index) => Tensors.Of(
            TensorElementType.Float, parameter.Shape, Tensors.Spread(Tensors.Count(parameter.Shape), -0.7, 0.9, 30 + index), parameter.Name)).ToList();
        string[] inputs = ["x", "w", "r", "b", "", "h", .. isLstm ? ["c"] : (string[])[]];
        string[] gradients = ["", "w_grad", "r_grad", "b_grad", "h_grad", .. isLstm ? ["c_grad"] : (string[])[]];
        NodeProto[] training = isLstm
            ?
            [
                Layer("LSTMTraining", inputs, ["y", "last", "", "cells", "gates"], Microsoft),
                Layer("LSTMGrad", ["x", "w", "r", "", "h", "c", "y", "cells", "gates", "weights", "last_weights", ""], gradients, Microsoft),
            ]
            :
            [
                Layer("GRUTraining", inputs, ["y", "last", "gates"], Microsoft),
                Layer("GRUGrad", [.. inputs, "y", "gates", "weights", "last_weights"], gradients, Microsoft),
            ];
        return new OfficialArtifacts
        {
            Training = Model(training, isTraining: true),
            Evaluation = Model([Layer(layer, inputs, ["y", "last"], "")], isTraining: false),
            Optimizer = OptimizerModel.Build(optimizer, 17, OfficialNames.After(new LossOptions { Type = LossType.ModelOutput, Output = "loss" })),
            Checkpoint = new OfficialCheckpoint { Trainable = tensors },
        };

        NodeProto Layer(string operatorName, string[] from, string[] to, string domain)
        {
            var node = NodeFactory.Create(operatorName, from, to, operatorName, domain).SetInt("hidden_size", Hidden);
            return isLstm ? node : node.SetInt("linear_before_reset", linear);
        }

        OnnxModel Model(NodeProto[] nodes, bool isTraining)
        {
            var model = new ModelProto { IrVersion = 8, Graph = new GraphProto { Name = "recurrent" } };
            model.OpsetImport.Add(new OperatorSetIdProto { Domain = "", Version = 17 });
            model.OpsetImport.Add(new OperatorSetIdProto { Domain = Microsoft, Version = 1 });
            var graph = model.Graph;
            graph.Initializer.Add(Tensors.Of(TensorElementType.Float, [4, 1, 2, Hidden], Tensors.Spread(40, -1.1, 1.9, 77), "weights"));
            graph.Initializer.Add(Tensors.Of(TensorElementType.Float, [1, 2, Hidden], Tensors.Spread(10, -1.1, 1.9, 78), "last_weights"));
            graph.Node.AddRange(nodes);
            graph.Node.Add(NodeFactory.Create("Mul", ["y", "weights"], ["weighted"], "mul"));
            graph.Node.Add(NodeFactory.Create("ReduceSum", ["weighted"], ["sum"], "reduce").SetInt("keepdims", 0));
            graph.Node.Add(NodeFactory.Create("Mul", ["last", "last_weights"], ["last_weighted"], "mul_last"));
            graph.Node.Add(NodeFactory.Create("ReduceSum", ["last_weighted"], ["last_sum"], "reduce_last").SetInt("keepdims", 0));
            graph.Node.Add(NodeFactory.Create("Add", ["sum", "last_sum"], ["loss"], "add"));
            graph.Input.Add(ValueInfos.Create("x", TensorElementType.Float, [4L, 2L, 3L]));
            graph.Input.AddRange(parameters.Select(parameter => ValueInfos.Create(parameter.Name, TensorElementType.Float, parameter.Shape)));
            graph.Output.Add(ValueInfos.Create("loss", TensorElementType.Float, Array.Empty<long>()));
            foreach (var (name, shape) in isTraining ? parameters : [])
            {
                graph.Input.Add(ValueInfos.Create($"{name}_grad.accumulation.buffer", TensorElementType.Float, shape));
                graph.Node.Add(NodeFactory.Create(
                    "InPlaceAccumulatorV2", [$"{name}_grad.accumulation.buffer", $"{name}_grad", "lazy_reset_grad"], [$"{name}_grad.accumulation.out"], $"accumulate_{name}", Microsoft));
                graph.Output.Add(ValueInfos.Create($"{name}_grad.accumulation.out", TensorElementType.Bool, [1L]));
            }

            if (isTraining)
            {
                graph.Input.Add(ValueInfos.Create("lazy_reset_grad", TensorElementType.Bool, [1L]));
            }

            return new OnnxModel(model);
        }
    }

    private static void AssertSame(string[] names, List<double[]> here, double[][] there)
    {
        for (var model = 0; model < names.Length; model++)
        {
            Assert.Equal(here[model].Length, there[model].Length);
            Assert.All(here[model].Zip(there[model]), pair => Assert.True(
                Math.Abs(pair.First - pair.Second) <= 1e-4, $"{names[model]}: {string.Join(", ", here[model])} here, {string.Join(", ", there[model])} there"));
        }
    }

    private static LossType LossOf(string name) => name == "unet" ? LossType.MeanSquaredError : LossType.CrossEntropy;

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
            _ => (GoldenModel.Load(LossOf(name), "zoo", name, "model.onnx"),
                Directory.GetFiles(RepositoryPaths.Fixture("zoo", name), "*.npy").Select(path => (Path.GetFileNameWithoutExtension(path), path)).ToArray()),
        };
        return (golden, [.. Enumerable.Range(0, Steps).Select(step => golden.Batch(step, files))]);

        static (string, string)[] Files(params string[] names) =>
            [.. names.Select(field => (field, RepositoryPaths.Fixture("vlm", "golden", $"{field}.npy")))];
    }

    private static double[] TrainHere(
        TrainingGraph graph, IEnumerable<TensorProto> initial, Dictionary<string, TensorProto>[] batches, OfficialOptimizer optimizer)
    {
        using var session = Ort.Open(graph.Model);
        var tensors = initial.ToDictionary(tensor => tensor.Name, StringComparer.Ordinal);
        var weights = graph.Parameters.ToDictionary(parameter => parameter.Name, parameter => tensors[parameter.Name].ToSingles(), StringComparer.Ordinal);
        var moments = weights.ToDictionary(pair => pair.Key, pair => (First: new float[pair.Value.Length], Second: new float[pair.Value.Length]));
        var losses = new double[batches.Length];
        for (var step = 0; step < batches.Length; step++)
        {
            // Running statistics are initializers of the model; they do not enter the losses of training.
            var feed = new Dictionary<string, TensorProto>(tensors, StringComparer.Ordinal);
            foreach (var (name, tensor) in batches[step])
            {
                feed[name] = tensor;
            }

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
