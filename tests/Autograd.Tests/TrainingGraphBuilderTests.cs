using OrtZero.Onnx;
using OrtZero.Onnx.Protobuf;

namespace OrtZero.Autograd.Tests;

public class TrainingGraphBuilderTests
{
    private static GraphSketch Regions => new GraphSketch().Constant("rois", [1, 4], 0, 0, 1, 1).Integers("batch", 0);

    [Fact]
    public void A_value_with_three_consumers_accumulates_their_gradients()
    {
        // sum(w·w + 3w + w·c): 2w + 3 + c
        var model = new GraphSketch().Parameter("w", [2], 0.5, -2).Constant("c", [2], 7, 11).Constant("three", [], 3)
            .Node("Mul", "w w", "a").Node("Mul", "w three", "b").Node("Mul", "w c", "d").Node("Add", "a b", "e").Node("Add", "e d", "f").Loss("f");
        Assert.Equal([1.0 + 3 + 7, -4.0 + 3 + 11], Gradients(model, ["w"])["w_grad"]);
    }

    [Fact]
    public void Slices_side_by_side_are_joined_without_padding()
    {
        var model = new GraphSketch().Parameter("w", [6], 1, 2, 3, 4, 5, 6)
            .Integers("zero", 0).Integers("two", 2).Integers("five", 5)
            .Node("Slice", "w zero two zero", "a").Node("Slice", "w two five zero", "b")
            .Node("ReduceSum", "a", "x").Node("ReduceSumSquare", "b", "y").Node("Add", "x y", "z").Loss("z");
        var graph = Build(model, ["w"]);
        Assert.Contains(graph.Model.Graph.Node, node => node.OpType == "Concat");
        Assert.DoesNotContain(graph.Model.Graph.Node, node => node.OpType is "Pad");
        Assert.Equal([1, 1, 6, 8, 10, 0], Run(graph, model)["w_grad"]);
    }

    [Fact]
    public void Slices_that_overlap_add_up()
    {
        var model = new GraphSketch().Parameter("w", [4], 1, 2, 3, 4)
            .Integers("zero", 0).Integers("one", 1).Integers("three", 3).Integers("four", 4)
            .Node("Slice", "w zero three zero", "a").Node("Slice", "w one four zero", "b")
            .Node("ReduceSum", "a", "x").Node("ReduceSum", "b", "y").Node("Add", "x y", "z").Loss("z");
        Assert.Equal([1, 2, 2, 1], Gradients(model, ["w"])["w_grad"]);
    }

    [Fact]
    public void A_constant_shift_of_zeros_stays_zero_though_a_batch_normalization_updates_its_statistics()
    {
        var model = new GraphSketch().Parameter("w", [4, 2], 1, 5, 2, 6, 4, 9, 3, 7).Constant("scale", [2], 1, 1).Constant("shift", [2], 0, 0)
            .Constant("bn.running_mean", [2], 0, 0).Constant("bn.running_var", [2], 1, 1)
            .Node("BatchNormalization", "w scale shift bn.running_mean bn.running_var", "y mean variance", node => node.SetInt("training_mode", 1)).Loss("y");
        var values = Ort.Probe(model, new Dictionary<string, TensorProto>());
        var graph = new TrainingGraphBuilder().Build(model, values, new LossOptions { Type = LossType.ModelOutput, Output = "sum" }, ["w"]);
        using var session = Ort.Open(graph.Model);
        var feed = model.Graph.Initializer.ToDictionary(tensor => tensor.Name);
        for (var run = 0; run < 3; run++)
        {
            // What is centered sums to 0, with whatever statistics.
            Assert.Equal(0, Ort.Run(session, feed)["loss"][0], 1e-4);
        }
    }

    [Fact]
    public void Two_parameters_with_the_same_gradient_have_an_output_each()
    {
        var model = new GraphSketch().Parameter("a", [2], 1, 2).Parameter("b", [2], 3, 4).Node("Add", "a b", "c").Node("Mul", "c c", "d").Loss("d");
        var gradients = Gradients(model, ["a", "b"]);
        Assert.Equal([8, 12], gradients["a_grad"]);
        Assert.Equal([8, 12], gradients["b_grad"]);
    }

    [Fact]
    public void Nothing_is_computed_below_the_lowest_trainable_parameter()
    {
        var golden = GoldenModel.Load("gpt_nano", "gpt_nano.onnx");
        var batch = golden.Batch(
            0, ("input_ids", RepositoryPaths.Fixture("gpt_nano", "golden", "inputs.npy")), ("labels", RepositoryPaths.Fixture("gpt_nano", "golden", "labels.npy")));
        string[] last = [.. golden.Trainable.Where(name => name.StartsWith("blocks.3.", StringComparison.Ordinal))];
        var graph = golden.Build(batch, fused: true, last);
        Assert.Equal(last, graph.Parameters.Select(parameter => parameter.Name));
        Assert.DoesNotContain(graph.Model.Graph.Node, node => node.Name.Contains("blocks.2", StringComparison.Ordinal) && node.Name.Contains("_grad", StringComparison.Ordinal));
        Assert.Contains(graph.Model.Graph.Initializer, tensor => tensor.Name == "wte.weight");
        using var all = Ort.Open(golden.Build(batch, fused: true).Model);
        using var some = Ort.Open(graph.Model);
        var expected = Ort.Run(all, golden.Feed(batch));
        var actual = Ort.Run(some, golden.Feed(batch));

        // Frozen layers may be fused differently, which rounds differently.
        Assert.All(last, name => Assert.Equal(0, expected[$"{name}_grad"].Zip(actual[$"{name}_grad"], (a, b) => Math.Abs(a - b)).Max(), 1e-6));
    }

    [Fact]
    public void Shape_arithmetic_is_folded_away()
    {
        var golden = GoldenModel.Load("gpt_nano", "gpt_nano.onnx");
        var batch = golden.Batch(
            0, ("input_ids", RepositoryPaths.Fixture("gpt_nano", "golden", "inputs.npy")), ("labels", RepositoryPaths.Fixture("gpt_nano", "golden", "labels.npy")));
        var graph = golden.Build(batch, fused: false);
        Assert.DoesNotContain(graph.Model.Graph.Node, node => node.OpType is "Shape" or "Constant" or "ScatterND");
    }

    [Fact]
    public void Inputs_are_those_of_the_model_then_labels_then_parameters()
    {
        var golden = GoldenModel.Load("vlm", "vlm.onnx");
        var batch = VlmBatch(golden, 0);
        var graph = golden.Build(batch, fused: true);
        Assert.Equal(["image", "input_ids"], graph.ModelInputs);
        Assert.Equal("labels", graph.LabelsInput);
        Assert.Equal(["image", "input_ids", "labels", .. golden.Trainable], graph.Model.Graph.Input.Select(input => input.Name));
        Assert.Equal([graph.LossName, .. golden.Trainable.Select(name => $"{name}_grad")], graph.Model.Graph.Output.Select(output => output.Name));
        Assert.DoesNotContain(graph.Model.Graph.Initializer, tensor => golden.Trainable.Contains(tensor.Name));
        Assert.Contains(graph.Model.Graph.Initializer, tensor => tensor.Name == "visual_encoder.bn.running_mean");
    }

    [Fact]
    public void The_model_that_is_differentiated_stays_as_it_was()
    {
        var golden = GoldenModel.Load("vlm", "vlm.onnx");
        var before = golden.Model.ToBytes();
        golden.Build(VlmBatch(golden, 0), fused: true);
        Assert.Equal(before, golden.Model.ToBytes());
    }

    [Fact]
    public void The_same_model_always_gives_the_same_graph()
    {
        var golden = GoldenModel.Load("vlm", "vlm.onnx");
        var batch = VlmBatch(golden, 0);
        Assert.Equal(golden.Build(batch, fused: true).Model.ToBytes(), golden.Build(batch, fused: true).Model.ToBytes());
    }

    [Fact]
    public void Evaluation_gives_the_training_loss_and_takes_other_batch_sizes()
    {
        var golden = GoldenModel.Load("vlm", "vlm.onnx");
        var batch = VlmBatch(golden, 0);
        using var training = Ort.Open(golden.Build(batch, fused: true).Model);
        using var evaluation = Ort.Open(golden.BuildEvaluation(batch));
        var expected = Ort.Run(training, golden.Feed(batch))["loss"][0];
        var results = Ort.Run(evaluation, golden.Feed(batch));
        Assert.Equal(expected, results["loss"][0], 1e-6);
        Assert.Equal(8 * 16 * 32, results["logits"].Length);

        var small = batch.ToDictionary(pair => pair.Key, pair => FirstSamples(pair.Value, 3));
        Assert.Equal(3 * 16 * 32, Ort.Run(evaluation, golden.Feed(small))["logits"].Length);
    }

    [Fact]
    public void An_operator_without_a_rule_names_node_operator_parameter_and_fix()
    {
        var model = Regions.Parameter("head.weight", [1, 1, 2, 2], 2, 2, 2, 2).Node("RoiAlign", "head.weight rois batch", "d").Loss("d");
        var error = Assert.Throws<UnsupportedOperatorException>(() => Build(model, ["head.weight"]));
        Assert.Equal(("RoiAlign_d", "RoiAlign", "head.weight"), (error.NodeName, error.OperatorName, error.Parameter));
        Assert.Equal(
            "Node 'RoiAlign_d' (RoiAlign) lies between trainable parameter 'head.weight' and the loss, but this operator has no gradient rule: "
            + "freeze 'head.weight' and every other parameter before this node, or add a rule to GradientRuleRegistry.",
            error.Message);
    }

    [Fact]
    public void A_frozen_parameter_may_stand_behind_an_operator_without_a_rule()
    {
        var model = Regions.Parameter("m", [1, 1, 2, 2], 2, 2, 2, 2).Parameter("w", [], 5).Node("RoiAlign", "m rois batch", "d").Node("Mul", "d w", "e").Loss("e");
        Assert.Equal(2, Assert.Single(Gradients(model, ["w"])["w_grad"]), 1e-6);
    }

    [Fact]
    public void A_parameter_that_the_loss_does_not_depend_on_must_be_frozen()
    {
        var model = new GraphSketch().Parameter("w", [2], 1, 2).Parameter("unused", [2], 3, 4).Node("Shape", "unused", "s").Node("Mul", "w w", "a")
            .Node("Reshape", "a s", "b").Loss("b");
        var error = Assert.Throws<UnreachableParameterException>(() => Build(model, ["w", "unused"]));
        Assert.Equal(["unused"], error.Parameters);
        Assert.Contains("'unused'", error.Message, StringComparison.Ordinal);
        Assert.Contains("frozen", error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("other", "w", "The loss reads output 'other', which the model does not have: choose one of 'sum'.")]
    [InlineData("sum", "v", "Trainable parameter 'v' is not an initializer of the model: use a name that the model has.")]
    [InlineData("sum", "w w", "Trainable parameter 'w' is given twice: name it once.")]
    [InlineData("sum", "", "No parameter is trainable: leave at least one that is not frozen.")]
    [InlineData("sum", "count", "Trainable parameter 'count' has type Int64: freeze it, only real numbers have gradients.")]
    public void A_wrong_name_is_one_sentence(string output, string trainable, string message)
    {
        var model = new GraphSketch().Parameter("w", [2], 1, 2).Integers("count", 2).Node("Mul", "w w", "a").Node("Reshape", "a count", "b").Loss("b");
        var values = Ort.Probe(model, new Dictionary<string, TensorProto>());
        var error = Assert.Throws<GradientException>(() => new TrainingGraphBuilder().Build(
            model, values, new LossOptions { Type = LossType.ModelOutput, Output = output }, trainable.Split(' ', StringSplitOptions.RemoveEmptyEntries)));
        Assert.Equal(message, error.Message);
    }

    [Fact]
    public void A_transposed_weight_is_not_transposed_in_the_backward_pass()
    {
        var golden = GoldenModel.Load("gpt_nano", "gpt_nano.onnx");
        var batch = golden.Batch(
            0, ("input_ids", RepositoryPaths.Fixture("gpt_nano", "golden", "inputs.npy")), ("labels", RepositoryPaths.Fixture("gpt_nano", "golden", "labels.npy")));
        var graph = golden.Build(batch, fused: true).Model.Graph;
        var matrices = graph.Node.Where(node => node.OpType == "Transpose" && node.GetInts("perm") is [1, 0]).Select(node => node.Name);
        Assert.DoesNotContain(matrices, name => name.Contains("_grad", StringComparison.Ordinal));
    }

    private static Dictionary<string, TensorProto> VlmBatch(GoldenModel golden, int index) => golden.Batch(
        index, [.. new[] { "image", "input_ids", "labels" }.Select(name => (name, RepositoryPaths.Fixture("vlm", "golden", $"{name}.npy")))]);

    private static TensorProto FirstSamples(TensorProto tensor, int count)
    {
        var shape = tensor.Shape();
        var bytes = tensor.RawBytes();
        return TensorFactory.Raw("", tensor.ElementType(), [count, .. shape[1..]], bytes.AsSpan(0, bytes.Length / (int)shape[0] * count));
    }

    private static Dictionary<string, double[]> Gradients(OnnxModel model, string[] trainable) => Run(Build(model, trainable), model);

    private static TrainingGraph Build(OnnxModel model, string[] trainable) => new TrainingGraphBuilder().Build(
        model, Ort.Probe(model, new Dictionary<string, TensorProto>()), new LossOptions { Type = LossType.ModelOutput, Output = "sum" }, trainable);

    private static Dictionary<string, double[]> Run(TrainingGraph graph, OnnxModel model)
    {
        using var session = Ort.Open(graph.Model);
        return Ort.Run(session, model.Graph.Initializer.ToDictionary(tensor => tensor.Name));
    }
}
