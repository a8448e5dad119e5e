using OrtZero.Onnx;
using OrtZero.Onnx.Protobuf;

namespace OrtZero.Autograd.Tests;

/// <summary>
/// Training operators as the official tool writes them, lowered and run on stock ONNX Runtime, against finite differences of the
/// loss of the same graph.
/// </summary>
public class LoweringTests
{
    private const string Microsoft = "com.microsoft";

    [Theory]
    [InlineData("Relu", "ReluGrad", "y")]
    [InlineData("Sigmoid", "SigmoidGrad", "y")]
    [InlineData("Tanh", "TanhGrad", "y")]
    [InlineData("LeakyRelu", "LeakyReluGrad", "y")]
    [InlineData("Softmax", "SoftmaxGrad_13", "y")]
    [InlineData("LogSoftmax", "LogSoftmaxGrad_13", "y")]
    [InlineData("Gelu", "GeluGrad", "x")]
    public void Activations(string forward, string backward, string operand) => Check(
        [("x", [3, 4])],
        [N(forward, ["x"], ["y"])],
        [N(backward, ["y_grad", operand], ["x_grad"], Microsoft)],
        [3, 4]);

    [Fact]
    public void Gelu_by_tanh_and_by_sigmoid()
    {
        Check([("x", [3, 4])], [N("Gelu", ["x"], ["y"]).SetString("approximate", "tanh")], [N("FastGeluGrad", ["y_grad", "x"], ["x_grad"], Microsoft)], [3, 4]);
        Check(
            [("x", [3, 4])],
            [N("Mul", ["x", "alpha"], ["scaled"]), N("Sigmoid", ["scaled"], ["s"]), N("Mul", ["x", "s"], ["y"])],
            [N("QuickGeluGrad", ["y_grad", "x"], ["x_grad"], Microsoft)],
            [3, 4],
            TensorFactory.Scalar("alpha", 1.702f));
        Check(
            [("x", [3, 4])],
            [N("Add", ["x", "b"], ["sum"]), N("Gelu", ["sum"], ["y"])],
            [N("BiasGeluGrad_dX", ["y_grad", "x", "b"], ["x_grad"], Microsoft)],
            [3, 4],
            TensorFactory.FromSingles("b", [4], [0.1f, -0.2f, 0.3f, 0.4f]));
    }

    [Fact]
    public void Softmax_over_flattened_axes() => Check(
        [("x", [2, 3, 2])],
        [N("Flatten", ["x"], ["rows"]), N("Softmax", ["rows"], ["p"]), N("Shape", ["x"], ["shape"]), N("Reshape", ["p", "shape"], ["y"])],
        [N("SoftmaxGrad", ["y_grad", "y"], ["x_grad"], Microsoft)],
        [2, 3, 2]);

    [Fact]
    public void Layer_normalization() => Check(
        [("x", [2, 3, 4]), ("s", [4]), ("b", [4])],
        [N("LayerNormalization", ["x", "s", "b"], ["y", "mean", "inverse"])],
        [N("LayerNormalizationGrad", ["y_grad", "x", "s", "mean", "inverse"], ["x_grad", "s_grad", "b_grad"], Microsoft)],
        [2, 3, 4]);

    [Fact]
    public void Batch_normalization() => Check(
        [("x", [3, 2, 4]), ("s", [2]), ("b", [2])],
        [N("BatchNormInternal", ["x", "s", "b", "mean", "variance"], ["y", "", "", "saved_mean", "saved_inverse"], Microsoft)],
        [N("BatchNormalizationGrad", ["y_grad", "x", "s", "saved_mean", "saved_inverse"], ["x_grad", "s_grad", "b_grad"], Microsoft)],
        [3, 2, 4],
        TensorFactory.FromSingles("mean", [2], [0, 0]),
        TensorFactory.FromSingles("variance", [2], [1, 1]));

    [Theory]
    [InlineData(1, 1, 1)]
    [InlineData(2, 1, 2)]
    [InlineData(3, 2, 1)]
    public void Convolution(int stride, int dilation, int group)
    {
        static NodeProto Geometry(NodeProto node, int stride, int dilation, int group) => node
            .SetInts("strides", stride, stride).SetInts("dilations", dilation, dilation).SetInts("pads", 1, 0, 2, 1).SetInt("group", group);
        var (height, width) = ((6 + 3 - dilation - 1) / stride + 1, (5 + 1 - dilation - 1) / stride + 1);
        Check(
            [("x", [2, 2, 6, 5]), ("w", [4, 2 / group, 2, 2]), ("b", [4])],
            [Geometry(N("Conv", ["x", "w", "b"], ["y"]), stride, dilation, group)],
            [Geometry(N("ConvGrad", ["y_grad", "x", "w"], ["x_grad", "w_grad", "b_grad"], Microsoft), stride, dilation, group)],
            [2, 4, height, width]);
    }

    [Theory]
    [InlineData(1, 1, 1, 0)]
    [InlineData(2, 1, 2, 1)]
    [InlineData(3, 2, 1, 2)]
    public void Transposed_convolution(int stride, int dilation, int group, int outputPadding)
    {
        NodeProto Geometry(NodeProto node) => node.SetInts("strides", stride, stride).SetInts("dilations", dilation, dilation)
            .SetInts("pads", 1, 0, 0, 1).SetInts("output_padding", outputPadding, 0).SetInt("group", group);
        Check(
            [("x", [2, 4, 3, 4]), ("w", [4, 2 / group, 3, 2]), ("b", [2])],
            [Geometry(N("ConvTranspose", ["x", "w", "b"], ["y"]))],
            [Geometry(N("ConvTransposeGrad", ["y_grad", "x", "w"], ["x_grad", "w_grad", "b_grad"], Microsoft))],
            [2, 2, (2 * stride) + (2 * dilation) + 1 - 1 + outputPadding, (3 * stride) + dilation + 1 - 1]);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    public void Average_pooling(int countIncludePad)
    {
        NodeProto Geometry(NodeProto node) => node.SetInts("kernel_shape", 3, 2).SetInts("strides", 2, 1).SetInts("pads", 1, 0, 1, 1)
            .SetInt("count_include_pad", countIncludePad);
        Check(
            [("x", [2, 3, 6, 4])],
            [N("AveragePool", ["other"], ["unused"]).SetInts("kernel_shape", 1, 1), Geometry(N("AveragePool", ["x"], ["y"]))],
            [Geometry(N("AveragePoolGrad", ["y_grad"], ["x_grad"]))],
            [2, 3, 3, 4],
            TensorFactory.FromSingles("other", [1, 1, 1, 1], [1f]));
    }

    [Fact]
    public void Gather_of_slices_at_points()
    {
        Check(
            [("x", [3, 4, 2])],
            [N("GatherND", ["x", "i"], ["y"]), N("Shape", ["x"], ["shape"])],
            [N("GatherNDGrad", ["shape", "i", "y_grad"], ["x_grad"], Microsoft)],
            [4, 2],
            TensorFactory.FromInt64s("i", [4, 2], [0, 1, 2, 3, 0, 1, -1, 0]));
        Check(
            [("x", [2, 3, 4])],
            [N("GatherND", ["x", "i"], ["y"]).SetInt("batch_dims", 1), N("Shape", ["x"], ["shape"])],
            [N("GatherNDGrad", ["shape", "i", "y_grad"], ["x_grad"], Microsoft).SetInt("batch_dims", 1)],
            [2, 3, 4],
            TensorFactory.FromInt64s("i", [2, 3, 1], [0, 2, 2, 1, 1, 1]));
    }

    [Fact]
    public void Fake_quantization_goes_straight_through_but_where_it_saturates()
    {
        // Rounding has no slope that differences could find, so the definition is checked instead.
        var model = new ModelProto { IrVersion = 8, Graph = new GraphProto { Name = "training" } };
        model.OpsetImport.Add(new OperatorSetIdProto { Domain = "", Version = 17 });
        model.OpsetImport.Add(new OperatorSetIdProto { Domain = Microsoft, Version = 1 });
        var graph = model.Graph;
        graph.Initializer.Add(TensorFactory.Scalar("scale", 0.5f));
        graph.Initializer.Add(TensorFactory.Scalar("zero", 2f));
        graph.Initializer.Add(TensorFactory.FromSingles("y_grad", [5], [1, 2, 3, 4, 5]));
        graph.Node.Add(N("FakeQuant", ["x", "scale", "zero"], ["y", "mask"], Microsoft).SetInt("quant_min", 0).SetInt("quant_max", 7));
        graph.Node.Add(N("ReduceSum", ["y"], ["loss"]).SetInt("keepdims", 0));
        graph.Node.Add(N("FakeQuantGrad", ["y_grad", "mask"], ["x_grad"], Microsoft));
        graph.Node.Add(N("InPlaceAccumulatorV2", ["x_grad.accumulation.buffer", "x_grad", "lazy_reset_grad"], ["x_grad.accumulation.out"], Microsoft));
        graph.Output.Add(ValueInfos.Create("loss", TensorElementType.Float, Array.Empty<long>()));
        graph.Input.Add(ValueInfos.Create("x", TensorElementType.Float, [5L]));
        var x = TensorFactory.FromSingles("x", [5], [-2f, -1f, 0.3f, 2.4f, 3.1f]);
        var artifacts = new OfficialArtifacts { Training = new OnnxModel(model), Evaluation = new OnnxModel(model), Checkpoint = new OfficialCheckpoint { Trainable = [x] } };

        using var session = Ort.Open(artifacts.ToTrainingGraph().Model);
        var results = Ort.Run(session, new Dictionary<string, TensorProto> { ["x"] = x });

        // round(x/0.5) + 2 = -2, 0, 3, 7, 8 within 0 to 7; half of what is left less 2.
        Assert.Equal(-1 - 1 + 0.5 + 2.5 + 2.5, results["loss"][0], 1e-6);
        Assert.Equal([0, 2, 3, 4, 0], results["x_grad"]);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(-1)]
    public void Gather(int axis) => Check(
        [("x", [3, 3, 3])],
        [N("Gather", ["x", "i"], ["y"]).SetInt("axis", axis), N("Shape", ["x"], ["shape"])],
        [N("GatherGrad", ["shape", "i", "y_grad"], ["x_grad"], Microsoft).SetInt("axis", axis)],
        axis switch { 0 => [2, 2, 3, 3], 1 => [3, 2, 2, 3], _ => [3, 3, 2, 2] },
        TensorFactory.FromInt64s("i", [2, 2], [0, 2, 2, 1]));

    [Fact]
    public void Gather_of_elements_and_slices()
    {
        Check(
            [("x", [3, 4])],
            [N("GatherElements", ["x", "i"], ["y"]).SetInt("axis", 1), N("Shape", ["x"], ["shape"])],
            [N("GatherElementsGrad", ["y_grad", "shape", "i"], ["x_grad"], Microsoft).SetInt("axis", 1)],
            [3, 2],
            TensorFactory.FromInt64s("i", [3, 2], [0, 0, 1, 3, 2, 2]));
        Check(
            [("x", [5, 4])],
            [N("Slice", ["x", "starts", "ends", "axes", "steps"], ["y"]), N("Shape", ["x"], ["shape"])],
            [N("SliceGrad", ["y_grad", "shape", "starts", "ends", "axes", "steps"], ["x_grad"], Microsoft)],
            [3, 2],
            TensorFactory.Vector("starts", 4, 1), TensorFactory.Vector("ends", -6, 3), TensorFactory.Vector("axes", 0, 1), TensorFactory.Vector("steps", -2, 1));
    }

    [Fact]
    public void Maximum_pooling() => Check(
        [("x", [1, 2, 3, 3])],
        [N("MaxPool", ["x"], ["y", "mask"]).SetInts("kernel_shape", 2, 2).SetInts("strides", 1, 1)],
        [N("MaxPoolGrad", ["y_grad", "mask"], ["x_grad"])],
        [1, 2, 2, 2]);

    [Fact]
    public void Broadcast_operands()
    {
        Check(
            [("a", [2, 3]), ("b", [4, 1, 3])],
            [N("Add", ["b", "two"], ["c"]), N("Div", ["a", "c"], ["y"])],
            [N("DivGrad", ["y_grad", "a", "c"], ["a_grad", "b_grad"], Microsoft)],
            [4, 2, 3],
            TensorFactory.Scalar("two", 3f));
        Check(
            [("a", [2, 3]), ("b", [4, 1, 3])],
            [N("Add", ["a", "b"], ["y"]), N("Shape", ["a"], ["shape_a"]), N("Shape", ["b"], ["shape_b"])],
            [
                N("BroadcastGradientArgs", ["shape_a", "shape_b"], ["axes_a", "axes_b"], Microsoft),
                N("ReduceSumTraining", ["y_grad", "axes_a"], ["sum_a"], Microsoft).SetInt("keepdims", 1).SetInt("noop_with_empty_axes", 1),
                N("ReduceSumTraining", ["y_grad", "axes_b"], ["sum_b"], Microsoft).SetInt("keepdims", 1).SetInt("noop_with_empty_axes", 1),
                N("Reshape", ["sum_a", "shape_a"], ["a_grad"]),
                N("Reshape", ["sum_b", "shape_b"], ["b_grad"]),
            ],
            [4, 2, 3]);
    }

    [Fact]
    public void Concatenation_and_scale() => Check(
        [("a", [2, 3]), ("b", [2, 2])],
        [N("ConcatTraining", ["a", "b"], ["joined", "lengths"], Microsoft).SetInt("axis", 1), N("Scale", ["joined", "four"], ["y"], Microsoft).SetInt("scale_down", 1)],
        [
            N("Scale", ["y_grad", "four"], ["joined_grad"], Microsoft).SetInt("scale_down", 1),
            N("SplitTraining", ["joined_grad", "lengths"], ["a_grad", "b_grad"], Microsoft).SetInt("axis", 1),
        ],
        [2, 5],
        TensorFactory.Scalar("four", 4L));

    [Theory]
    [InlineData("mean", true)]
    [InlineData("mean", false)]
    [InlineData("sum", true)]
    public void Cross_entropy_with_weights_and_ignored_labels(string reduction, bool ignores)
    {
        var forward = N("SoftmaxCrossEntropyLoss", ["x", "labels", "weights"], ["loss", "logs"]).SetString("reduction", reduction);
        var backward = N("SoftmaxCrossEntropyLossGrad", ["loss_grad", "logs", "labels", "weights"], ["x_grad"], Microsoft).SetString("reduction", reduction);
        var inner = N("SoftmaxCrossEntropyLossInternal", ["x", "labels", "weights", ignores ? "ignored" : ""], ["loss", "logs"], Microsoft).SetString("reduction", reduction);
        var innerBackward = N("SoftmaxCrossEntropyLossInternalGrad", ["loss_grad", "logs", "labels", "weights", ignores ? "ignored" : ""], ["x_grad"], Microsoft).SetString("reduction", reduction);
        TensorProto[] given =
        [
            TensorFactory.Raw("labels", TensorElementType.Int32, [2, 2], [1, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0]),
            TensorFactory.FromSingles("weights", [3], [0.5f, 2f, 1.5f]),
            TensorFactory.Scalar("loss_grad", 1f),
            TensorFactory.Scalar("ignored", 2L),
        ];
        if (ignores)
        {
            forward.SetInt("ignore_index", 2);
            backward.SetInt("ignore_index", 2);
        }

        Check([("x", [2, 3, 2])], [forward], [backward], null, given);
        Check([("x", [2, 3, 2])], [inner], [innerBackward], null, given);
    }

    private static NodeProto N(string operatorName, string[] inputs, string[] outputs, string domain = "") =>
        NodeFactory.Create(operatorName, inputs, outputs, $"{operatorName}_{outputs[0]}", domain);

    private static void Check(
        (string Name, long[] Shape)[] parameters, NodeProto[] forward, NodeProto[] backward, long[]? outputShape, params TensorProto[] given)
    {
        var model = new ModelProto { IrVersion = 8, Graph = new GraphProto { Name = "training" } };
        model.OpsetImport.Add(new OperatorSetIdProto { Domain = "", Version = 20 });
        model.OpsetImport.Add(new OperatorSetIdProto { Domain = Microsoft, Version = 1 });
        var graph = model.Graph;
        graph.Initializer.AddRange(given);
        graph.Node.AddRange(forward);
        if (outputShape is not null)
        {
            // The loss is a sum in which every element has its own weight, so that no two errors cancel.
            graph.Initializer.Add(Tensors.Of(TensorElementType.Float, outputShape, Tensors.Spread(Tensors.Count(outputShape), -1.1, 1.9, 77), "y_grad"));
            graph.Node.Add(N("Mul", ["y", "y_grad"], ["weighted"]));
            graph.Node.Add(N("ReduceSum", ["weighted"], ["loss"]).SetInt("keepdims", 0));
        }

        graph.Node.AddRange(backward);
        graph.Output.Add(ValueInfos.Create("loss", TensorElementType.Float, Array.Empty<long>()));
        var tensors = new List<TensorProto>();
        foreach (var (index, (name, shape)) in parameters.Index())
        {
            tensors.Add(Tensors.Of(TensorElementType.Float, shape, Tensors.Spread(Tensors.Count(shape), -1.3, 1.7, 11 + index), name));
            graph.Input.Add(ValueInfos.Create(name, TensorElementType.Float, shape));
            graph.Input.Add(ValueInfos.Create($"{name}_grad.accumulation.buffer", TensorElementType.Float, shape));
            graph.Node.Add(N("InPlaceAccumulatorV2", [$"{name}_grad.accumulation.buffer", $"{name}_grad", "lazy_reset_grad"], [$"{name}_grad.accumulation.out"], Microsoft));
            graph.Output.Add(ValueInfos.Create($"{name}_grad.accumulation.out", TensorElementType.Bool, [1L]));
        }

        graph.Input.Add(ValueInfos.Create("lazy_reset_grad", TensorElementType.Bool, [1L]));
        var artifacts = new OfficialArtifacts
        {
            Training = new OnnxModel(model), Evaluation = new OnnxModel(model), Checkpoint = new OfficialCheckpoint { Trainable = tensors },
        };
        var lowered = artifacts.ToTrainingGraph();
        Assert.All(lowered.Model.Graph.Node, node => Assert.Equal("", node.Domain));
        using var session = Ort.Open(lowered.Model);
        var feed = tensors.ToDictionary(tensor => tensor.Name, StringComparer.Ordinal);
        var results = Ort.Run(session, feed);
        foreach (var tensor in tensors)
        {
            var expected = Differences(session, feed, tensor);
            var actual = results[$"{tensor.Name}_grad"];
            Assert.Equal(expected.Length, actual.Length);
            var scale = Math.Max(1e-2, expected.Max(Math.Abs));
            for (var i = 0; i < expected.Length; i++)
            {
                Assert.True(Math.Abs(expected[i] - actual[i]) <= 4e-3 * scale, $"{backward[0].OpType} {tensor.Name}[{i}]: difference {expected[i]}, gradient {actual[i]}");
            }
        }
    }

    private static double[] Differences(Runtime.OrtSession session, Dictionary<string, TensorProto> feed, TensorProto parameter)
    {
        const double Step = 2e-2;
        var values = parameter.ToSingles();
        var result = new double[values.Length];
        for (var i = 0; i < values.Length; i++)
        {
            result[i] = (At(-2) - (8 * At(-1)) + (8 * At(1)) - At(2)) / (12 * Step);

            double At(int steps)
            {
                var moved = (float[])values.Clone();
                moved[i] += (float)(steps * Step);
                var changed = new Dictionary<string, TensorProto>(feed) { [parameter.Name] = TensorFactory.FromSingles(parameter.Name, parameter.Shape(), moved) };
                return Ort.Run(session, changed)["loss"][0];
            }
        }

        return result;
    }
}
