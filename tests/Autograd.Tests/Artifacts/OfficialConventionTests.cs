using System.Text.RegularExpressions;
using OrtZero.Onnx;
using OrtZero.Onnx.Protobuf;

namespace OrtZero.Autograd.Tests;

/// <summary>
/// The artifacts of ONNX Runtime's own tests against what is written here for the same forward model. The tool's numbers behind names
/// count every block of a process, so they are left out of comparisons; those of a first run are what is written here.
/// </summary>
public partial class OfficialConventionTests
{
    private static readonly OfficialArtifacts s_original = OfficialArtifacts.Load(RepositoryPaths.Fixture("ort-artifacts"));

    [Fact]
    public void Training_and_evaluation_models_have_the_original_inputs_and_outputs_in_their_order()
    {
        var written = Write();
        foreach (var (original, own) in new[] { (s_original.Training, written.Training), (s_original.Evaluation, written.Evaluation) })
        {
            Assert.Equal(original.Graph.Input.Select(input => input.Name), own.Graph.Input.Select(input => input.Name));
            Assert.Equal(original.Graph.Output.Select(output => Unnumbered(output.Name)), own.Graph.Output.Select(output => Unnumbered(output.Name)));
            foreach (var (left, right) in original.Graph.Input.Zip(own.Graph.Input).Concat(original.Graph.Output.Zip(own.Graph.Output)))
            {
                // Labels were int32 when the originals were made; since 1.16 they are int64.
                Assert.Equal(left.Name == "labels" ? TensorElementType.Int64 : left.ElementType(), right.ElementType());
                Assert.Equal(left.Shape()!.Length, right.Shape()!.Length);
                Assert.All(left.Shape()!.Zip(right.Shape()!), pair => Assert.True(pair.First < 0 || pair.First == pair.Second));
            }

            Assert.DoesNotContain(own.Graph.Initializer, tensor => s_original.Checkpoint.Trainable.Any(parameter => parameter.Name == tensor.Name));
        }

        Assert.Equal("onnx::loss::2", written.Training.Graph.Output[0].Name);
        Assert.Equal(Accumulators(s_original.Training), Accumulators(written.Training));
    }

    [Fact]
    public void The_optimizer_model_is_the_original_one()
    {
        var (original, own) = (s_original.Optimizer!, Write().Optimizer!);
        Assert.Equal(original.Graph.Input, own.Graph.Input);
        Assert.Equal(Unnumbered(Assert.Single(original.Graph.Output)), Unnumbered(Assert.Single(own.Graph.Output)));
        Assert.Equal(Unnumbered(Assert.Single(original.Graph.Node)), Unnumbered(Assert.Single(own.Graph.Node)));
        Assert.Equal(original.Graph.ValueInfo, own.Graph.ValueInfo);
        Assert.Equal(original.Graph.Name, own.Graph.Name);
        Assert.Equal((original.Proto.IrVersion, original.Proto.ProducerName), (own.Proto.IrVersion, own.Proto.ProducerName));

        // The other operator set is that of the model; this optimizer was made for a model of another one.
        Assert.Equal(original.Proto.OpsetImport.Select(import => import.Domain), own.Proto.OpsetImport.Select(import => import.Domain));
        Assert.Equal(s_original.Training.GetOpsetVersion(), own.GetOpsetVersion());
    }

    [Fact]
    public void The_optimizer_models_of_clipping_and_of_gradient_descent_are_what_the_tool_writes()
    {
        var clipped = Write(optimizer: new OfficialOptimizer { MaxNorm = 1.5f }).Optimizer!.Graph;
        Assert.Equal(
            [("InplaceClipGradNorm", "onnx::InplaceClipGradNorm::6", "onnx::clip_grad_norm_output::5"), ("AdamWOptimizer", "onnx::AdamWOptimizer::8", "onnx::adamw.updated_flag::7")],
            clipped.Node.Select(node => (node.OpType, node.Name, node.Output.Single())));
        Assert.Equal(["gradients"], clipped.Node[0].Input);
        Assert.Equal("onnx::clip_grad_norm_output::5", clipped.Node[1].Input[3]);
        Assert.Equal("onnx::clip_grad_norm_output::5", Assert.Single(clipped.ValueInfo).Name);
        Assert.Equal(1.5f, Assert.Single(clipped.Node[0].Attribute).F);

        var descent = Write(optimizer: new OfficialOptimizer { Kind = OfficialOptimizerKind.Sgd }).Optimizer!.Graph;
        var node = Assert.Single(descent.Node);
        Assert.Equal(("SGDOptimizerV2", "onnx::SGDOptimizerV2::6"), (node.OpType, node.Name));
        Assert.Equal(["learning_rate", "params", "gradients"], node.Input);
        Assert.Equal("onnx::update_completed::5", Assert.Single(node.Output));
        Assert.Equal(["learning_rate", "step", "params", "gradients", "first_order_moments"], descent.Input.Select(input => input.Name));
        Assert.Empty(node.Attribute);
    }

    [Fact]
    public void The_checkpoint_has_the_original_content_in_the_order_of_the_model()
    {
        var written = OfficialCheckpoint.Parse(Write().Checkpoint.ToBytes());
        Assert.Equal(s_original.Evaluation.Graph.Input.Skip(2).Select(input => input.Name), written.Trainable.Select(tensor => tensor.Name));
        OfficialCheckpointTests.AssertEqual(Sorted(s_original.Checkpoint), Sorted(written));

        static OfficialCheckpoint Sorted(OfficialCheckpoint checkpoint) =>
            checkpoint with { Trainable = [.. checkpoint.Trainable.OrderBy(tensor => tensor.Name, StringComparer.Ordinal)] };
    }

    [Fact]
    public void Frozen_parameters_stay_among_the_trained_ones_and_constants_in_the_graphs()
    {
        var written = Write(["fc1.bias", "fc2.weight"], ["fc1.weight"]);
        foreach (var graph in new[] { written.Training.Graph, written.Evaluation.Graph })
        {
            Assert.Equal(["fc1.weight", "fc1.bias", "fc2.weight"], graph.Input.Select(input => input.Name).Where(name => name.StartsWith("fc", StringComparison.Ordinal) && !name.Contains("_grad", StringComparison.Ordinal)));
            Assert.Contains(graph.Initializer, tensor => tensor.Name == "fc2.bias");
        }

        Assert.Equal(
            ["fc1.bias_grad.accumulation.buffer", "fc2.weight_grad.accumulation.buffer", "lazy_reset_grad"], written.Training.Graph.Input.TakeLast(3).Select(input => input.Name));
        Assert.Equal(["fc1.weight"], written.Checkpoint.Frozen.Select(tensor => tensor.Name));
        Assert.Equal(["fc1.bias", "fc2.weight"], written.Checkpoint.Trainable.Select(tensor => tensor.Name));
    }

    [Fact]
    public void Additional_outputs_stand_behind_the_loss_and_are_read_back()
    {
        var written = Write(additional: ["/relu/Relu_output_0", "output-0"]);
        Assert.Equal(["onnx::loss::2", "/relu/Relu_output_0", "output-0"], written.Training.Graph.Output.Take(3).Select(output => output.Name));
        Assert.Equal("fc1.weight_grad.accumulation.out", written.Training.Graph.Output[3].Name);
        Assert.Equal("GradientAccumulator3", written.Training.Graph.Node.First(node => node.OpType == "InPlaceAccumulatorV2").Name);
        Assert.Equal(["onnx::loss::2", "/relu/Relu_output_0", "output-0"], written.Evaluation.Graph.Output.Select(output => output.Name));

        var folder = RepositoryPaths.NewTemporaryFolder();
        try
        {
            written.Save(folder, prefix: "my_");
            var read = OfficialArtifacts.Load(folder);
            Assert.Equal(["/relu/Relu_output_0", "output-0"], read.AdditionalOutputs);
            Assert.Equal(5, read.ToTrainingGraph().Model.Graph.Output.Count);
            using var session = Ort.Open(read.ToForwardModel());
            var batch = OfficialRuntimeTests.FixtureBatch();
            batch["labels"] = TensorFactory.FromInt64s("labels", [2], [1, 1]);
            var results = Ort.Run(session, batch);
            Assert.Equal(2.1786246, results["onnx::loss::2"][0], 1e-5);
            Assert.Equal((20, 1000), (results["output-0"].Length, results["/relu/Relu_output_0"].Length));
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }

        Assert.Contains("no value 'nothing'", Message(["nothing"]), StringComparison.Ordinal);
        Assert.Contains("'output-0' is to be given twice", Message(["output-0", "output-0"]), StringComparison.Ordinal);
        static string Message(string[] additional) => Assert.Throws<ArtifactException>(() => Write(additional: additional)).Message;
    }

    [Fact]
    public void A_model_that_computes_its_loss_keeps_its_name()
    {
        var forward = Forward();
        forward.Graph.Node.Add(NodeFactory.Create("ReduceMean", ["output-0"], ["mine"], "mean").SetInt("keepdims", 0));
        forward.Graph.Output.Add(ValueInfos.Create("mine", TensorElementType.Float, Array.Empty<long>()));
        var written = Write(loss: new LossOptions { Type = LossType.ModelOutput, Output = "mine" }, model: forward);
        Assert.Equal("mine", written.Training.Graph.Output[0].Name);
        Assert.Equal("mine", Assert.Single(written.Evaluation.Graph.Output).Name);
        Assert.Equal("input-0", written.Training.Graph.Input[0].Name);
        Assert.Equal("fc1.weight", written.Training.Graph.Input[1].Name);
        Assert.Equal("onnx::adamw.updated_flag::1", Assert.Single(written.Optimizer!.Graph.Output).Name);
    }

    [Fact]
    public void A_list_of_losses_is_their_weighted_sum()
    {
        var forward = Forward();
        forward.Graph.Output.Add(ValueInfos.Create("/relu/Relu_output_0", TensorElementType.Float, [2L, 500L]));
        var single = new LossOptions { Output = "output-0" };
        var other = new LossOptions { Type = LossType.MeanSquaredError, Output = "/relu/Relu_output_0", Weight = 0.5 };
        var written = Write(loss: single with { Others = [other] }, model: forward);
        Assert.Equal(["input-0", "labels", "target"], written.Training.Graph.Input.Take(3).Select(input => input.Name));

        var batch = OfficialRuntimeTests.FixtureBatch();
        batch["labels"] = TensorFactory.FromInt64s("labels", [2], [1, 1]);
        batch["target"] = TensorFactory.FromSingles("target", [2, 500], new float[1000]);
        using var evaluation = Ort.Open(written.ToForwardModel());
        var graph = written.ToTrainingGraph();
        using var training = Ort.Open(graph.Model);
        var feed = new Dictionary<string, TensorProto>(batch, StringComparer.Ordinal);
        foreach (var tensor in written.Checkpoint.Trainable)
        {
            feed[tensor.Name] = tensor;
        }

        var hidden = Ort.Run(Ort.Open(Forward("/relu/Relu_output_0")), batch)["/relu/Relu_output_0"];
        var expected = 2.1786246 + (0.5 * hidden.Average(value => value * value));
        Assert.Equal(expected, Ort.Run(evaluation, batch)[written.Evaluation.Graph.Output[0].Name][0], 1e-5);
        Assert.Equal(expected, Ort.Run(training, feed)[graph.LossName][0], 1e-5);

        var message = Assert.Throws<ArtifactException>(() => Write(loss: single with { IsSum = true })).Message;
        Assert.Contains("official runtime divides by nothing", message, StringComparison.Ordinal);
    }

    /// <summary>The model that the originals were made from: what they evaluate, less the loss, with the values of the checkpoint.</summary>
    private static OnnxModel Forward(string? onlyOutput = null)
    {
        var model = s_original.ToForwardModel();
        var graph = model.Graph;
        graph.Node.RemoveWhere(node => node.OpType == "SoftmaxCrossEntropyLoss");
        graph.Input.RemoveWhere(input => input.Name == "labels");
        graph.Output.Clear();
        graph.Output.Add(ValueInfos.Create(onlyOutput ?? "output-0", TensorElementType.Float, new long[] { -1, onlyOutput is null ? 10 : 500 }));
        var order = s_original.Evaluation.Graph.Input.Select(input => input.Name).ToList();
        var parameters = graph.Initializer.OrderBy(tensor => order.IndexOf(tensor.Name)).ToList();
        graph.Initializer.Clear();
        graph.Initializer.AddRange(parameters);
        graph.ValueInfo.Clear();
        return model;
    }

    private static OfficialArtifacts Write(
        string[]? trained = null, string[]? frozen = null, string[]? additional = null, OfficialOptimizer? optimizer = null, LossOptions? loss = null, OnnxModel? model = null)
    {
        model ??= Forward();
        var batch = OfficialRuntimeTests.FixtureBatch();
        batch.Remove("labels");
        return OfficialArtifacts.Build(model, Ort.Probe(model, batch), new ArtifactOptions
        {
            Loss = loss ?? new LossOptions { Output = "output-0" },
            RequiresGrad = trained ?? [.. s_original.Checkpoint.Trainable.Select(tensor => tensor.Name)],
            Frozen = frozen ?? [],
            AdditionalOutputs = additional ?? [],
            Optimizer = optimizer ?? new OfficialOptimizer(),
        });
    }

    private static List<(string Name, string Inputs, string Output)> Accumulators(OnnxModel model) =>
        [.. model.Graph.Node.Where(node => node.OpType == "InPlaceAccumulatorV2").Select(node => (node.Name, string.Join(' ', node.Input), node.Output.Single()))];

    private static NodeProto Unnumbered(NodeProto node)
    {
        var copy = node.Clone();
        copy.Name = Unnumbered(copy.Name);
        copy.Output[0] = Unnumbered(copy.Output[0]);
        var attributes = copy.Attribute.OrderBy(attribute => attribute.Name, StringComparer.Ordinal).ToList();
        copy.Attribute.Clear();
        copy.Attribute.AddRange(attributes);
        return copy;
    }

    private static ValueInfoProto Unnumbered(ValueInfoProto value)
    {
        var copy = value.Clone();
        copy.Name = Unnumbered(copy.Name);
        return copy;
    }

    private static string Unnumbered(string name) => Number().Replace(name, "::n");

    [GeneratedRegex("::[0-9]+$")]
    private static partial Regex Number();
}
