using OrtZero.Kernels;
using OrtZero.Onnx.Protobuf;

namespace OrtZero.Autograd.Tests;

/// <summary>GELU written in elementary operators, in the forms that exporters write.</summary>
public class GeluFusionTests
{
    private static readonly double[] Values = Tensors.Spread(12, -3, 3, 4);

    private static GraphSketch Sketch => new GraphSketch().Parameter("x", [12], Values)
        .Constant("one", [], 1).Constant("half", [], 0.5).Constant("root2", [], Math.Sqrt(2)).Constant("inverse", [], 1 / Math.Sqrt(2))
        .Constant("c", [], 0.044715).Constant("a", [], Math.Sqrt(2 / Math.PI)).Constant("three", [], 3);

    public static TheoryData<string> Forms => ["half last", "half first", "half before x", "multiplied", "tanh", "tanh with power"];

    [Theory]
    [MemberData(nameof(Forms))]
    public void Written_out_gelu_becomes_one_operator_with_the_same_gradient(string form)
    {
        var sketch = Write(form);
        var fused = Run(sketch, fused: true);
        Assert.Single(fused.Graph.Model.Graph.Node, node => node is { OpType: "Gelu", Domain: KernelLibrary.Domain });
        Assert.Single(fused.Graph.Model.Graph.Node, node => node is { OpType: "GeluGrad" });
        Assert.DoesNotContain(fused.Graph.Model.Graph.Node, node => node.OpType is "Erf" or "Tanh");
        var plain = Run(sketch, fused: false);
        Assert.Equal(plain.Results["loss"][0], fused.Results["loss"][0], 1e-5);
        Assert.Equal(0, plain.Results["x_grad"].Zip(fused.Results["x_grad"], (a, b) => Math.Abs(a - b)).Max(), 2e-6);
    }

    [Fact]
    public void A_gelu_whose_inside_is_read_elsewhere_stays_as_it_is()
    {
        var model = Sketch.Node("Div", "x root2", "d").Node("Erf", "d", "e").Node("Add", "e one", "p").Node("Mul", "x p", "m").Node("Mul", "m half", "g")
            .Node("Add", "g e", "y").Loss("y");
        Assert.DoesNotContain(Run(model, fused: true).Graph.Model.Graph.Node, node => node.OpType == "Gelu");
    }

    [Fact]
    public void Another_constant_is_no_gelu()
    {
        var model = Sketch.Node("Div", "x three", "d").Node("Erf", "d", "e").Node("Add", "e one", "p").Node("Mul", "x p", "m").Node("Mul", "m half", "g").Loss("g");
        Assert.DoesNotContain(Run(model, fused: true).Graph.Model.Graph.Node, node => node.OpType == "Gelu");
    }

    private static Onnx.OnnxModel Write(string form) => form switch
    {
        "half last" => Sketch.Node("Div", "x root2", "d").Node("Erf", "d", "e").Node("Add", "e one", "p").Node("Mul", "x p", "m").Node("Mul", "m half", "g").Loss("g"),
        "half first" => Sketch.Node("Div", "x root2", "d").Node("Erf", "d", "e").Node("Add", "one e", "p").Node("Mul", "x half", "m").Node("Mul", "m p", "g").Loss("g"),
        "half before x" => Sketch.Node("Div", "x root2", "d").Node("Erf", "d", "e").Node("Add", "e one", "p").Node("Mul", "half p", "m").Node("Mul", "m x", "g").Loss("g"),
        "multiplied" => Sketch.Node("Mul", "inverse x", "d").Node("Erf", "d", "e").Node("Add", "e one", "p").Node("Mul", "p x", "m").Node("Mul", "m half", "g").Loss("g"),
        "tanh" => Sketch.Node("Mul", "x x", "s").Node("Mul", "x s", "k").Node("Mul", "c k", "u").Node("Add", "x u", "v").Node("Mul", "a v", "w").Node("Tanh", "w", "t")
            .Node("Add", "one t", "p").Node("Mul", "x p", "m").Node("Mul", "half m", "g").Loss("g"),
        _ => Sketch.Node("Pow", "x three", "k").Node("Mul", "c k", "u").Node("Add", "u x", "v").Node("Mul", "v a", "w").Node("Tanh", "w", "t")
            .Node("Add", "one t", "p").Node("Mul", "x half", "m").Node("Mul", "m p", "g").Loss("g"),
    };

    private static (TrainingGraph Graph, Dictionary<string, double[]> Results) Run(Onnx.OnnxModel model, bool fused)
    {
        var graph = new TrainingGraphBuilder(new GradientOptions { FusedKernels = fused }).Build(
            model, Ort.Probe(model, new Dictionary<string, TensorProto>()), new LossOptions { Type = LossType.ModelOutput, Output = "sum" }, ["x"]);
        using var session = Ort.Open(graph.Model);
        return (graph, Ort.Run(session, model.Graph.Initializer.ToDictionary(tensor => tensor.Name)));
    }
}
