using OrtZero.Kernels;
using OrtZero.Onnx;
using OrtZero.Onnx.Protobuf;

namespace OrtZero.Autograd.Tests;

/// <summary>SiLU, SwiGLU and root mean square normalization in the forms that exporters write.</summary>
public class KernelFusionTests
{
    private static GraphSketch Sketch => At(opset: 17);

    private static GraphSketch At(long opset) => new GraphSketch(opset).Parameter("x", [3, 4], Tensors.Spread(12, -3, 3, 4)).Parameter("u", [3, 4], Tensors.Spread(12, -2, 1, 7))
        .Parameter("w", [4], Tensors.Spread(4, 0.5, 2, 5)).Constant("one", [], 1).Constant("two", [], 2).Constant("eps", [], 1e-3);

    public static TheoryData<string> NormalizationForms => ["quotient of one", "reciprocal", "divided", "squared by product", "RMSNormalization"];

    [Fact]
    public void X_times_its_sigmoid_becomes_one_operator_with_the_same_gradient() =>
        Check(Sketch.Node("Sigmoid", "x", "s").Node("Mul", "s x", "y").Loss("y"), ["x"], "Silu", "SiluGrad", "Sigmoid");

    [Fact]
    public void A_gated_linear_unit_becomes_one_operator_with_the_same_gradients() =>
        Check(Sketch.Node("Sigmoid", "x", "s").Node("Mul", "x s", "a").Node("Mul", "u a", "y").Loss("y"), ["x", "u"], "SwiGlu", "SwiGluGrad", "Sigmoid");

    [Fact]
    public void A_gate_of_another_shape_is_a_silu_and_a_product()
    {
        var model = Sketch.Node("Sigmoid", "x", "s").Node("Mul", "x s", "a").Node("Mul", "a w", "y").Loss("y");
        Check(model, ["x", "w"], "Silu", "SiluGrad", "Sigmoid");
    }

    [Fact]
    public void A_sigmoid_that_is_read_elsewhere_stays_as_it_is()
    {
        var model = Sketch.Node("Sigmoid", "x", "s").Node("Mul", "x s", "a").Node("Add", "a s", "y").Loss("y");
        Assert.DoesNotContain(Run(model, ["x"], fused: true).Graph.Model.Graph.Node, node => node.OpType == "Silu");
    }

    [Theory]
    [MemberData(nameof(NormalizationForms))]
    public void Written_out_normalization_becomes_one_operator_with_the_same_gradients(string form) =>
        Check(Normalization(form, "w"), ["x", "w"], "RmsNormalization", "RmsNormalizationGrad", "Sqrt");

    [Fact]
    public void A_normalization_with_a_scale_per_element_stays_as_it_is() => Assert.DoesNotContain(
        Run(Normalization("reciprocal", "u"), ["x", "u"], fused: true).Graph.Model.Graph.Node, node => node.OpType == "RmsNormalization");

    [Fact]
    public void A_normalization_over_another_axis_stays_as_it_is()
    {
        var model = Normalization("reciprocal", "w");
        model.Graph.Node.First(node => node.OpType == "ReduceMean").SetInts("axes", 0);
        Assert.DoesNotContain(Run(model, ["x", "w"], fused: true).Graph.Model.Graph.Node, node => node.OpType == "RmsNormalization");
    }

    private static OnnxModel Normalization(string form, string scale)
    {
        var sketch = form == "squared by product" ? Sketch.Node("Mul", "x x", "q") : Sketch.Node("Pow", "x two", "q");
        sketch = sketch.Node("ReduceMean", "q", "m", node => node.SetInts("axes", -1)).Node("Add", "m eps", "v").Node("Sqrt", "v", "d");
        return form switch
        {
            "RMSNormalization" => At(opset: 23).Node("RMSNormalization", $"x {scale}", "y", node => node.SetFloat("epsilon", 1e-3f)).Loss("y"),
            "quotient of one" => sketch.Node("Div", "one d", "r").Node("Mul", "x r", "n").Node("Mul", $"n {scale}", "y").Loss("y"),
            "divided" => sketch.Node("Div", "x d", "n").Node("Mul", $"{scale} n", "y").Loss("y"),
            _ => sketch.Node("Reciprocal", "d", "r").Node("Mul", "r x", "n").Node("Mul", $"{scale} n", "y").Loss("y"),
        };
    }

    private static void Check(OnnxModel model, string[] parameters, string forward, string backward, string gone)
    {
        var fused = Run(model, parameters, fused: true);
        Assert.Single(fused.Graph.Model.Graph.Node, node => node.OpType == forward && node.Domain == KernelLibrary.Domain);
        Assert.Single(fused.Graph.Model.Graph.Node, node => node.OpType == backward);
        Assert.DoesNotContain(fused.Graph.Model.Graph.Node, node => node.OpType == gone);
        var plain = Run(model, parameters, fused: false);
        Assert.Equal(plain.Results["loss"][0], fused.Results["loss"][0], 1e-5);
        foreach (var parameter in parameters)
        {
            var difference = plain.Results[$"{parameter}_grad"].Zip(fused.Results[$"{parameter}_grad"], (a, b) => Math.Abs(a - b)).Max();
            Assert.Equal(0, difference, 4e-6);
        }
    }

    private static (TrainingGraph Graph, Dictionary<string, double[]> Results) Run(OnnxModel model, string[] parameters, bool fused)
    {
        var graph = new TrainingGraphBuilder(new GradientOptions { FusedKernels = fused }).Build(
            model, Ort.Probe(model, new Dictionary<string, TensorProto>()), new LossOptions { Type = LossType.ModelOutput, Output = "sum" }, parameters);
        using var session = Ort.Open(graph.Model);
        return (graph, Ort.Run(session, model.Graph.Initializer.ToDictionary(tensor => tensor.Name)));
    }
}
