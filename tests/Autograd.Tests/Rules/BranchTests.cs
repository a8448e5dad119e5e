using OrtZero.Onnx;
using OrtZero.Onnx.Protobuf;

namespace OrtZero.Autograd.Tests;

/// <summary>If: gradients through the branch that is taken, in one training graph for both conditions.</summary>
public class BranchTests
{
    internal const string Operator = "If";

    private static readonly double[] Positive = [0.5, 1.2, -0.3, 0.8, 0.4, -0.6];
    private static readonly double[] Negative = [-0.5, -1.2, 0.3, -0.8, -0.4, 0.6];

    /// <summary>Whatever the sample took that shapes were learned from, both branches are trained.</summary>
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Gradients_flow_through_the_branch_that_is_taken(bool sampleIsPositive)
    {
        var model = TwoBranches();
        var names = Trainable(model);
        Assert.Equal(["shared", "only_then", "only_inner", "inner_bias", "only_else"], names);
        var values = Ort.Probe(model, Inputs(sampleIsPositive ? Positive : Negative));

        var taken = FiniteDifferences.Check(model, values, Inputs(Positive), names);
        Assert.All(taken["only_else_grad"], value => Assert.Equal(0, value));
        Assert.Contains(taken["only_inner_grad"], value => value != 0);
        var other = FiniteDifferences.Check(model, values, Inputs(Negative), names);
        Assert.All(other["only_then_grad"].Concat(other["only_inner_grad"]).Concat(other["inner_bias_grad"]), value => Assert.Equal(0, value));
        Assert.Contains(other["only_else_grad"], value => value != 0);
    }

    [Fact]
    public void A_nested_branch_that_is_not_taken_gives_zero()
    {
        var model = TwoBranches();
        double[] small = [0.05, 0.1, 0.05, 0.1, 0.04, 0.06];
        var results = FiniteDifferences.Check(model, Ort.Probe(model, Inputs(Positive)), Inputs(small), Trainable(model));
        Assert.All(results["only_inner_grad"], value => Assert.Equal(0, value));
        Assert.Contains(results["only_then_grad"], value => value != 0);
    }

    [Fact]
    public void A_condition_on_shapes_leaves_only_its_branch()
    {
        var model = Import(new GraphSketch(real: TensorElementType.Double).Input("x", -1, -1).Parameter("w", [3], 0.4, -0.7, 1.1).Integers("two", 2)
            .Node("Shape", "x", "shape").Node("Shape", "shape", "rank").Node("Equal", "rank two", "is_matrix").Node("Squeeze", "is_matrix", "flag")
            .If(
                "flag", "y",
                new GraphSketch(real: TensorElementType.Double).Node("Mul", "x w", "product").Node("Tanh", "product", "inner").Branch("inner"),
                new GraphSketch(real: TensorElementType.Double).Integers("first", 0).Node("Squeeze", "x first", "wrong").Branch("wrong"))
            .Loss("y"));
        var values = Ort.Probe(model, Inputs(Positive));
        FiniteDifferences.Check(model, values, Inputs(Positive), "w");
        var graph = new TrainingGraphBuilder().Build(model, values, new LossOptions { Type = LossType.ModelOutput, Output = "sum" }, ["w"]);
        Assert.DoesNotContain(graph.Model.Graph.Node, node => node.OpType == "If");
    }

    /// <summary>y = w·mask/keep and the loss is its sum, so w times its gradient is the loss only if both saw the same mask.</summary>
    [Fact]
    public void A_dropout_in_a_branch_keeps_its_mask()
    {
        var numbers = Enumerable.Range(1, 64).Select(i => (double)i).ToArray();
        var model = Import(new GraphSketch(real: TensorElementType.Double).Input("x", 2, 3).Parameter("w", [64], numbers)
            .Constant("zero", [], 0).Node("ReduceSum", "x", "total", node => node.SetInt("keepdims", 0)).Node("Greater", "total zero", "flag")
            .If(
                "flag", "y",
                new GraphSketch(real: TensorElementType.Double).Raw("half", TensorElementType.Float, [], BitConverter.GetBytes(0.5f)).Raw("yes", TensorElementType.Bool, [], [1])
                    .Node("Dropout", "w half yes", "dropped").Branch("dropped"),
                new GraphSketch(real: TensorElementType.Double).Node("Neg", "w", "negative").Branch("negative"))
            .Loss("y"));
        var graph = new TrainingGraphBuilder().Build(
            model, Ort.Probe(model, Inputs(Positive)), new LossOptions { Type = LossType.ModelOutput, Output = "sum" }, ["w"]);
        using var session = Ort.Open(graph.Model);
        var results = Ort.Run(session, new Dictionary<string, TensorProto>(Inputs(Positive)) { ["w"] = model.Graph.FindInitializer("w")! });
        Assert.Contains(results["w_grad"], value => value == 0);
        Assert.Equal(results["loss"][0], results["w_grad"].Zip(numbers, (gradient, number) => gradient * number).Sum(), 1e-9);
    }

    [Fact]
    public void Operators_whose_gradient_reads_statistics_work_in_a_branch_with_fused_operators_and_without()
    {
        var model = Import(new GraphSketch().Input("x", 2, 3).Parameter("w", [3], 0.4, -0.7, 1.1).Parameter("b", [3], 0.1, 0.2, 0.3).Parameter("v", [3], 0.3, 0.9, -0.2)
            .Constant("zero", [], 0).Node("ReduceSum", "x", "total", node => node.SetInt("keepdims", 0)).Node("Greater", "total zero", "flag")
            .If(
                "flag", "y",
                new GraphSketch().Node("LayerNormalization", "x w b", "normal").Node("Mul", "normal v", "scaled").Branch("scaled"),
                new GraphSketch().Node("Mul", "x v", "product").Branch("product"))
            .Loss("y"));
        var values = Ort.Probe(model, Inputs(Positive, TensorElementType.Float));
        var gradients = Array.ConvertAll([true, false], fused =>
        {
            var graph = new TrainingGraphBuilder(new GradientOptions { FusedKernels = fused })
                .Build(model, values, new LossOptions { Type = LossType.ModelOutput, Output = "sum" }, ["w", "b", "v"]);
            using var session = Ort.Open(graph.Model);
            var feed = Inputs(Positive, TensorElementType.Float).Concat(model.Graph.Initializer.Select(tensor => KeyValuePair.Create(tensor.Name, tensor)));
            return Ort.Run(session, feed.ToDictionary(StringComparer.Ordinal));
        });
        // The sum of v·(x̂w + b) over two rows.
        Assert.Equal([0.6, 1.8, -0.4], gradients[0]["b_grad"].Select(value => Math.Round(value, 5)));
        Assert.Equal(gradients[0]["w_grad"].Select(value => Math.Round(value, 4)), gradients[1]["w_grad"].Select(value => Math.Round(value, 4)));
        Assert.Contains(gradients[0]["w_grad"], value => Math.Abs(value) > 0.1);
    }

    [Fact]
    public void Branches_of_different_shapes_are_refused()
    {
        var model = Import(new GraphSketch(real: TensorElementType.Double).Input("x", 2, 3).Parameter("w", [3], 0.4, -0.7, 1.1)
            .Constant("zero", [], 0).Node("ReduceSum", "x", "total", node => node.SetInt("keepdims", 0)).Node("Greater", "total zero", "flag")
            .If(
                "flag", "y",
                new GraphSketch(real: TensorElementType.Double).Node("Mul", "x w", "product").Branch("product"),
                new GraphSketch(real: TensorElementType.Double).Node("Neg", "w", "negative").Branch("negative"))
            .Loss("y"));
        var values = Ort.Probe(model, Inputs(Positive));
        var problem = Assert.Throws<UnsupportedOperatorException>(() =>
            new TrainingGraphBuilder().Build(model, values, new LossOptions { Type = LossType.ModelOutput, Output = "sum" }, ["w"]));
        Assert.Contains("output 0 has shape [3] in its else_branch and [2, 3] in the other", problem.Message, StringComparison.Ordinal);
        Assert.Contains("'if_y' (If)", problem.Message, StringComparison.Ordinal);
    }

    /// <summary>
    /// Two outputs, a captured activation, parameters of the model and of the branches, and an If within a branch.
    /// </summary>
    private static OnnxModel TwoBranches()
    {
        GraphSketch Sketch() => new(real: TensorElementType.Double);
        var nested = Sketch()
            .If(
                "is_large", "deep",
                Sketch().Parameter("inner_bias", [3], 0.2, -0.1, 0.4).Node("Mul", "hidden only_inner", "deep_product").Node("Add", "deep_product inner_bias", "deep_sum")
                    .Node("Sigmoid", "deep_sum", "deep_then").Branch("deep_then"),
                Sketch().Node("Identity", "hidden", "deep_else").Branch("deep_else"))
            .Node("Mul", "deep only_then", "then_product").Node("Exp", "then_product", "first").Node("Identity", "shared", "second").Branch("first", "second");
        var otherwise = Sketch().Parameter("only_else", [3], 0.6, 0.7, -0.8).Node("Mul", "hidden only_else", "else_product").Node("Tanh", "else_product", "else_first")
            .Node("Mul", "else_first else_first", "squares").Node("Constant", "", "axes", node => node.Input.Clear())
            .Node("ReduceSum", "squares axes", "else_second", node => node.SetInt("keepdims", 0)).Branch("else_first", "else_second");
        otherwise.Node.First(node => node.OpType == "Constant").SetTensor("value", TensorFactory.FromInt64s("", [1], [0]));
        return Import(Sketch().Input("x", 2, 3).Parameter("shared", [3], 0.9, -0.4, 1.3).Parameter("only_then", [3], 0.3, 0.5, -0.6).Parameter("only_inner", [3], 1.4, 0.8, 0.7)
            .Constant("zero", [], 0).Constant("one", [], 1).Node("ReduceSum", "x", "total", node => node.SetInt("keepdims", 0))
            .Node("Greater", "total zero", "is_positive").Node("Greater", "total one", "is_large").Node("Mul", "x shared", "scaled").Node("Tanh", "scaled", "hidden")
            .If("is_positive", "y z", nested, otherwise).Node("Mul", "y z", "yz").Node("Add", "yz hidden", "all").Loss("all"));
    }

    private static OnnxModel Import(OnnxModel model)
    {
        ModelImporter.Import(model);
        return model;
    }

    private static string[] Trainable(OnnxModel model) =>
        [.. model.Graph.Initializer.Where(tensor => tensor.Dims.Count > 0 && tensor.ElementType() == TensorElementType.Double).Select(tensor => tensor.Name)];

    private static Dictionary<string, TensorProto> Inputs(double[] x, TensorElementType type = TensorElementType.Double) =>
        new() { ["x"] = Tensors.Of(type, [2, 3], x) };
}
