using OrtZero.Onnx;
using OrtZero.Onnx.Protobuf;

namespace OrtZero.Autograd.Tests;

/// <summary>
/// Training operators with their forward operators as the official tool writes them, lowered, against the gradients that the rules of
/// this project give for the ordinary forward operators.
/// </summary>
public class LoweringAgainstRulesTests
{
    private const string Microsoft = "com.microsoft";
    private const int Steps = 4, Batch = 2, Inputs = 3, Hidden = 5;

    [Theory]
    [InlineData(true, true, false)]
    [InlineData(true, true, true)]
    [InlineData(false, false, false)]
    public void Lstm(bool hasBias, bool hasStates, bool hasPeepholes)
    {
        string[] inputs = ["x", "w", "r", hasBias ? "b" : "", "", hasStates ? "h" : "", hasStates ? "c" : "", hasPeepholes ? "p" : ""];
        string[] gradients = ["x_grad", "w_grad", "r_grad", hasBias ? "b_grad" : "", hasStates ? "h_grad" : "", hasStates ? "c_grad" : "", hasPeepholes ? "p_grad" : ""];

        // The tool leaves out bias and peepholes; behind the states are those of the forward node, then the gradients of its outputs.
        string[] operands = ["x", "w", "r", .. inputs.AsSpan(4, 3), "y", "cells", "gates", "y_grad", "last_grad", "cell_grad"];
        Check(
            [
                ("x", [Steps, Batch, Inputs]), ("w", [1, 4 * Hidden, Inputs]), ("r", [1, 4 * Hidden, Hidden]), ("b", [1, 8 * Hidden]),
                ("h", [1, Batch, Hidden]), ("c", [1, Batch, Hidden]), ("p", [1, 3 * Hidden]),
            ],
            [Sized(N("LSTM", inputs, ["y", "last", "cell"]))],
            [
                Sized(N("LSTMTraining", inputs, ["y", "last", "cell", "cells", "gates"], Microsoft)),
                Sized(N("LSTMGrad", operands, gradients, Microsoft)),
            ],
            [("y", [Steps, 1, Batch, Hidden]), ("last", [1, Batch, Hidden]), ("cell", [1, Batch, Hidden])]);
    }

    [Theory]
    [InlineData(true, true, 0)]
    [InlineData(true, true, 1)]
    [InlineData(false, false, 0)]
    [InlineData(false, false, 1)]
    public void Gru(bool hasBias, bool hasState, int linear)
    {
        string[] inputs = ["x", "w", "r", hasBias ? "b" : "", "", hasState ? "h" : ""];
        string[] gradients = ["x_grad", "w_grad", "r_grad", hasBias ? "b_grad" : "", hasState ? "h_grad" : ""];
        Check(
            [
                ("x", [Steps, Batch, Inputs]), ("w", [1, 3 * Hidden, Inputs]), ("r", [1, 3 * Hidden, Hidden]), ("b", [1, 6 * Hidden]),
                ("h", [1, Batch, Hidden]),
            ],
            [Sized(N("GRU", inputs, ["y", "last"])).SetInt("linear_before_reset", linear)],
            [
                Sized(N("GRUTraining", inputs, ["y", "last", "gates"], Microsoft)).SetInt("linear_before_reset", linear),
                Sized(N("GRUGrad", [.. inputs, "y", "gates", "y_grad", "last_grad"], gradients, Microsoft)).SetInt("linear_before_reset", linear),
            ],
            [("y", [Steps, 1, Batch, Hidden]), ("last", [1, Batch, Hidden])]);
    }

    [Fact]
    public void Lstm_of_which_only_the_last_state_is_used()
    {
        string[] inputs = ["x", "w", "r", "b"];
        Check(
            [("x", [Steps, Batch, Inputs]), ("w", [1, 4 * Hidden, Inputs]), ("r", [1, 4 * Hidden, Hidden]), ("b", [1, 8 * Hidden])],
            [Sized(N("LSTM", inputs, ["", "last"]))],
            [
                Sized(N("LSTMTraining", inputs, ["y", "last", "", "cells", "gates"], Microsoft)),
                Sized(N("LSTMGrad", ["x", "w", "r", "y", "cells", "gates", "", "last_grad", ""], ["x_grad", "w_grad", "r_grad", "b_grad"], Microsoft)),
            ],
            [("last", [1, Batch, Hidden])]);
    }

    [Theory]
    [InlineData("linear", "half_pixel", true)]
    [InlineData("linear", "align_corners", false)]
    [InlineData("linear", "asymmetric", true)]
    [InlineData("nearest", "half_pixel", false)]
    [InlineData("cubic", "pytorch_half_pixel", false)]
    public void Resize(string mode, string transformation, bool byScales)
    {
        NodeProto Mode(NodeProto node) => node.SetString("mode", mode).SetString("coordinate_transformation_mode", transformation);
        long[] output = [2, 1, 6, 9];
        Check(
            [("x", [2, 1, 3, 4])],
            [Mode(N("Resize", byScales ? ["x", "", "scales"] : ["x", "", "", "sizes"], ["y"]))],
            [
                Mode(N("Resize", byScales ? ["x", "", "scales"] : ["x", "", "", "sizes"], ["y"])),
                Mode(N("ResizeGrad", byScales ? ["y_grad", "x", "", "scales"] : ["y_grad", "x"], ["x_grad"], Microsoft)),
            ],
            [("y", output)],
            TensorFactory.FromSingles("scales", [4], [1, 1, 2, 2.25f]), TensorFactory.Vector("sizes", output));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    public void Average_pooling_that_rounds_up(int countIncludePad)
    {
        NodeProto Geometry(NodeProto node) => node.SetInts("kernel_shape", 3, 2).SetInts("strides", 2, 2).SetInts("pads", 1, 0, 1, 0)
            .SetInt("ceil_mode", 1).SetInt("count_include_pad", countIncludePad);
        Check(
            [("x", [2, 3, 6, 5])],
            [Geometry(N("AveragePool", ["x"], ["y"]))],
            [Geometry(N("AveragePool", ["x"], ["y"])), Geometry(N("AveragePoolGrad", ["y_grad"], ["x_grad"]))],
            [("y", [2, 3, 4, 3])]);
    }

    [Fact]
    public void Sums_with_weights_and_their_gradient() => Check(
        [("a", [2, 3]), ("b", [2, 3])],
        [N("Mul", ["a", "two"], ["left"]), N("Mul", ["b", "three"], ["right"]), N("Add", ["left", "right"], ["y"])],
        [
            N("ScaledSum", ["a", "b"], ["y"], Microsoft).SetFloat("scale_0", 2).SetFloat("scale_1", 3),
            N("BatchScale", ["y_grad"], ["a_grad", "b_grad"], Microsoft).SetFloat("scale_0", 2).SetFloat("scale_1", 3),
        ],
        [("y", [2, 3])],
        TensorFactory.Scalar("two", 2f), TensorFactory.Scalar("three", 3f));

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    public void Norms_and_scales_of_mixed_precision(int fuse)
    {
        // y = ‖(a, b)‖ · (a, b), by parts or as one vector; its gradient in standard operators.
        string[] scaled = fuse == 1 ? ["joined"] : ["a_scaled", "b_scaled"];
        NodeProto[] rest = fuse == 1 ? [] : [N("Concat", scaled, ["joined"]).SetInt("axis", 0)];
        NodeProto[] backward =
        [
            N("Concat", ["a", "b"], ["both"]).SetInt("axis", 0), N("Mul", ["y_grad", "both"], ["product"]),
            N("ReduceSum", ["product"], ["dot"]).SetInt("keepdims", 0), N("Div", ["dot", "norm"], ["slope"]), N("Mul", ["both", "slope"], ["through"]),
            N("Mul", ["y_grad", "norm"], ["straight"]), N("Add", ["through", "straight"], ["both_grad"]),
            N("Split", ["both_grad", "lengths"], ["a_grad", "b_grad"]).SetInt("axis", 0),
        ];
        Check(
            [("a", [3]), ("b", [2])],
            [
                N("Concat", ["a", "b"], ["both"]).SetInt("axis", 0), N("ReduceL2", ["both"], ["norm"]).SetInt("keepdims", 0),
                N("Mul", ["both", "norm"], ["y"]),
            ],
            [
                N("ReduceAllL2", ["a", "b"], ["norm"], Microsoft),
                N("MixedPrecisionScale", ["norm", "a", "b"], scaled, Microsoft).SetInt("to", (long)TensorElementType.Float).SetInt("fuse_outputs", fuse),
                .. rest, N("Identity", ["joined"], ["y"]), .. backward,
            ],
            [("y", [5])],
            TensorFactory.Vector("lengths", 3, 2));
    }

    [Fact]
    public void What_the_official_kernels_do_not_compute_is_refused_by_name()
    {
        var node = Sized(N("LSTMTraining", ["x", "w", "r"], ["y", "", "", "cells", "gates"], Microsoft)).SetString("direction", "reverse");
        var message = Assert.Throws<ArtifactException>(() => Lowered([("x", [1]), ("w", [1]), ("r", [1])], [node], [("y", [1])], [])).Message;
        Assert.Contains("com.microsoft::LSTMTraining", message, StringComparison.Ordinal);
        Assert.Contains("another direction", message, StringComparison.Ordinal);
    }

    private static NodeProto Sized(NodeProto node) => node.SetInt("hidden_size", Hidden);

    private static NodeProto N(string operatorName, string[] inputs, string[] outputs, string domain = "") =>
        NodeFactory.Create(operatorName, inputs, outputs, $"{operatorName}_{outputs.First(output => output.Length > 0)}", domain);

    private static void Check(
        (string Name, long[] Shape)[] parameters, NodeProto[] forward, NodeProto[] training, (string Name, long[] Shape)[] outputs, params TensorProto[] given)
    {
        var used = forward.SelectMany(node => node.Input).ToHashSet(StringComparer.Ordinal);
        parameters = [.. parameters.Where(parameter => used.Contains(parameter.Name))];
        var model = Model(forward, outputs, given);
        model.Graph.Output.Add(ValueInfos.Create("loss", TensorElementType.Float, Array.Empty<long>()));
        model.Graph.Initializer.AddRange(Values(parameters));
        var built = new TrainingGraphBuilder().Build(
            model, Ort.Probe(model, new Dictionary<string, TensorProto>()), new LossOptions { Type = LossType.ModelOutput, Output = "loss" },
            [.. parameters.Select(parameter => parameter.Name)]);
        var lowered = Lowered(parameters, training, outputs, given);
        Assert.All(lowered.Model.Graph.Node, node => Assert.Equal("", node.Domain));
        var feed = Values(parameters).ToDictionary(tensor => tensor.Name, StringComparer.Ordinal);
        using var expectedSession = Ort.Open(built.Model);
        using var actualSession = Ort.Open(lowered.Model);
        var expected = Ort.Run(expectedSession, feed);
        var actual = Ort.Run(actualSession, feed);
        Assert.Equal(expected[built.LossName][0], actual[lowered.LossName][0], 1e-5);
        foreach (var parameter in built.Parameters)
        {
            var (wanted, got) = (expected[parameter.GradientName], actual[lowered.Parameters.Single(other => other.Name == parameter.Name).GradientName]);
            var norm = Math.Sqrt(wanted.Sum(value => value * value));
            Assert.True(norm > 1e-3, $"The gradient of {parameter.Name} says nothing.");
            Assert.InRange(Math.Sqrt(wanted.Zip(got, (left, right) => (left - right) * (left - right)).Sum()), 0, 2e-6 * norm);
        }
    }

    private static TrainingGraph Lowered(
        (string Name, long[] Shape)[] parameters, NodeProto[] nodes, (string Name, long[] Shape)[] outputs, TensorProto[] given)
    {
        var model = Model(nodes, outputs, given);
        var graph = model.Graph;
        graph.Output.Add(ValueInfos.Create("loss", TensorElementType.Float, Array.Empty<long>()));
        foreach (var (name, shape) in parameters)
        {
            graph.Input.Add(ValueInfos.Create(name, TensorElementType.Float, shape));
            graph.Input.Add(ValueInfos.Create($"{name}_grad.accumulation.buffer", TensorElementType.Float, shape));
            graph.Node.Add(N("InPlaceAccumulatorV2", [$"{name}_grad.accumulation.buffer", $"{name}_grad", "lazy_reset_grad"], [$"{name}_grad.accumulation.out"], Microsoft));
            graph.Output.Add(ValueInfos.Create($"{name}_grad.accumulation.out", TensorElementType.Bool, [1L]));
        }

        graph.Input.Add(ValueInfos.Create("lazy_reset_grad", TensorElementType.Bool, [1L]));
        return new OfficialArtifacts { Training = model, Evaluation = model, Checkpoint = new OfficialCheckpoint { Trainable = Values(parameters) } }.ToTrainingGraph();
    }

    // The loss is a sum in which every element of every output has its own weight, which is also the output's gradient.
    private static OnnxModel Model(NodeProto[] nodes, (string Name, long[] Shape)[] outputs, TensorProto[] given)
    {
        var model = new ModelProto { IrVersion = 8, Graph = new GraphProto { Name = "training" } };
        model.OpsetImport.Add(new OperatorSetIdProto { Domain = "", Version = 20 });
        model.OpsetImport.Add(new OperatorSetIdProto { Domain = Microsoft, Version = 1 });
        var graph = model.Graph;
        graph.Initializer.AddRange(given);
        graph.Node.AddRange(nodes.Select(node => node.Clone()));
        foreach (var (index, (name, shape)) in outputs.Index())
        {
            graph.Initializer.Add(Tensors.Of(TensorElementType.Float, shape, Tensors.Spread(Tensors.Count(shape), -1.1, 1.9, 77 + index), $"{name}_grad"));
            graph.Node.Add(N("Mul", [name, $"{name}_grad"], [$"{name}_weighted"]));
            graph.Node.Add(N("ReduceSum", [$"{name}_weighted"], [$"{name}_sum"]).SetInt("keepdims", 0));
        }

        graph.Node.Add(N("Sum", [.. outputs.Select(output => $"{output.Name}_sum")], ["loss"]));
        return new OnnxModel(model);
    }

    private static TensorProto[] Values((string Name, long[] Shape)[] parameters) =>
        [.. parameters.Select((parameter, index) => Tensors.Of(
            TensorElementType.Float, parameter.Shape, Tensors.Spread(Tensors.Count(parameter.Shape), -0.8, 0.9, 11 + index), parameter.Name))];
}
