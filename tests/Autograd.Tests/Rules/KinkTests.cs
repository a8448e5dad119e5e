using OrtZero.Onnx;
using OrtZero.Onnx.Protobuf;

namespace OrtZero.Autograd.Tests;

/// <summary>Gradients exactly at kinks, bounds and ties, where finite differences say nothing: the values are those of PyTorch.</summary>
public class KinkTests
{
    [Theory]
    [InlineData("Relu", 0, 0)]
    [InlineData("Abs", 0, 0)]
    [InlineData("LeakyRelu", 0, 0.01)]
    [InlineData("HardSwish", -3, -0.5)]
    [InlineData("HardSwish", 3, 1.5)]
    [InlineData("HardSigmoid", -2.5, 0)]
    [InlineData("HardSigmoid", 2.5, 0)]
    [InlineData("Elu", 0, 1)]
    [InlineData("Sign", 2, 0)]
    public void A_kink_takes_the_side_that_PyTorch_takes(string operatorName, double at, double expected)
    {
        var model = new GraphSketch().Parameter("x", [1], at).Node(operatorName, "x", "y").Node("Add", "x y", "z").Loss("z");
        Assert.Equal(1 + expected, Gradient(model)[0], 1e-6);
    }

    [Fact]
    public void Clip_passes_the_gradient_on_its_bounds()
    {
        var model = new GraphSketch().Parameter("x", [4], -1, 0, 2, 2.5).Constant("low", [], -1).Constant("high", [], 2).Node("Clip", "x low high", "y").Loss("y");
        Assert.Equal([1, 1, 1, 0], Gradient(model));
    }

    [Theory]
    [InlineData("Max")]
    [InlineData("Min")]
    public void Equal_operands_share_the_gradient(string operatorName)
    {
        var model = new GraphSketch().Parameter("x", [2], 3, 3).Constant("c", [2], 3, 3).Node(operatorName, "x c", "y").Loss("y");
        Assert.Equal([0.5, 0.5], Gradient(model));
    }

    [Fact]
    public void Equal_maxima_of_a_reduction_share_the_gradient()
    {
        var model = new GraphSketch().Parameter("x", [2, 2], 5, 5, 1, 2).Node("ReduceMax", "x", "y", node => node.SetInts("axes", 1)).Loss("y");
        Assert.Equal([0.5, 0.5, 0, 1], Gradient(model));
    }

    [Fact]
    public void A_pooled_tie_goes_to_the_first_element()
    {
        var model = new GraphSketch().Parameter("x", [1, 1, 4], 5, 5, 1, 2).Node("MaxPool", "x", "y", node => node.SetInts("kernel_shape", 4)).Loss("y");
        Assert.Equal([1, 0, 0, 0], Gradient(model));
    }

    [Fact]
    public void The_norm_of_nothing_has_no_slope()
    {
        var model = new GraphSketch().Parameter("x", [2], 0, 0).Node("ReduceL2", "x", "y").Loss("y");
        Assert.Equal([0, 0], Gradient(model));
    }

    private static double[] Gradient(OnnxModel model)
    {
        var graph = new TrainingGraphBuilder().Build(
            model, Ort.Probe(model, new Dictionary<string, TensorProto>()), new LossOptions { Type = LossType.ModelOutput, Output = "sum" }, ["x"]);
        using var session = Ort.Open(graph.Model);
        return Ort.Run(session, model.Graph.Initializer.ToDictionary(tensor => tensor.Name))["x_grad"];
    }
}
