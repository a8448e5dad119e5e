using OrtZero.Onnx;
using OrtZero.Onnx.Protobuf;

namespace OrtZero.Autograd.Tests;

/// <summary>Quantization is a staircase, of which differences say nothing: the gradients are those of PyTorch's fake quantization.</summary>
public class QuantizationTests
{
    internal static readonly string[] Operators = ["QuantizeLinear", "DequantizeLinear"];

    private static readonly double[] X = [-100, -1.26, 0.3, 1.12, 40];
    private static readonly double[] Weights = [1, 2, 3, 4, 5];

    [Fact]
    public void The_gradient_goes_straight_through_and_stops_at_saturation()
    {
        Assert.Equal([0, 2, 3, 4, 0], Gradients()["x_grad"]);
    }

    [Fact]
    public void The_scale_learns_what_rounding_and_saturation_do()
    {
        // Inside: round(x/s) - x/s; outside: the end of the range, both from the zero point.
        double[] slopes = [-128 - 3, Math.Round(-5.04) + 5.04, Math.Round(1.2) - 1.2, Math.Round(4.48) - 4.48, 127 - 3];
        Assert.Equal(slopes.Zip(Weights, (slope, weight) => slope * weight).Sum(), Gradients()["s_grad"][0], 1e-3);
    }

    [Fact]
    public void Blocks_have_scales_of_their_own()
    {
        var sketch = new GraphSketch(21).Parameter("x", [1, 5], X).Parameter("s", [1, 3], 0.25, 0.5, 0.25).Constant("weights", [1, 5], Weights)
            .Raw("zero", TensorElementType.Int8, [1, 3], [3, 3, 3])
            .Node("QuantizeLinear", "x s zero", "q", node => node.SetInt("axis", 1).SetInt("block_size", 2))
            .Node("DequantizeLinear", "q s zero", "d", node => node.SetInt("axis", 1).SetInt("block_size", 2)).Node("Mul", "d weights", "y");
        var results = Gradients(sketch.Loss("y"));
        Assert.Equal([0, 2, 3, 4, 0], results["x_grad"]);
        double[] slopes = [-128 - 3, Math.Round(-5.04) + 5.04, Math.Round(0.6) - 0.6, Math.Round(2.24) - 2.24, 127 - 3];
        double[] expected = [slopes[0] + (2 * slopes[1]), (3 * slopes[2]) + (4 * slopes[3]), 5 * slopes[4]];
        Assert.All(expected.Zip(results["s_grad"]), pair => Assert.Equal(pair.First, pair.Second, 1e-3));
    }

    private static Dictionary<string, double[]> Gradients()
    {
        var sketch = new GraphSketch().Parameter("x", [5], X).Parameter("s", [], 0.25).Constant("weights", [5], Weights)
            .Raw("zero", TensorElementType.Int8, [], [3])
            .Node("QuantizeLinear", "x s zero", "q").Node("DequantizeLinear", "q s zero", "d").Node("Mul", "d weights", "y");
        return Gradients(sketch.Loss("y"));
    }

    private static Dictionary<string, double[]> Gradients(OnnxModel model)
    {
        var graph = new TrainingGraphBuilder().Build(
            model, Ort.Probe(model, new Dictionary<string, TensorProto>()), new LossOptions { Type = LossType.ModelOutput, Output = "sum" }, ["x", "s"]);
        using var session = Ort.Open(graph.Model);
        return Ort.Run(session, model.Graph.Initializer.ToDictionary(tensor => tensor.Name));
    }
}
