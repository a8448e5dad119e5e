using OrtZero.Onnx;
using OrtZero.Onnx.Protobuf;
using OrtZero.Runtime;

namespace OrtZero.Autograd.Tests.Passes;

/// <summary>Leaving out rows whose label is ignored changes neither loss nor gradients.</summary>
public sealed class LabelSparsityTests
{
    public static TheoryData<string, bool, double> Cases => new()
    {
        { "gpt_nano", true, 0.85 },
        { "gpt_nano", false, 0.85 },
        { "gpt_nano", true, 0 },
        { "gpt_nano", true, 1 },
        { "gpt_nano", false, 1 },
        { "vlm", true, 0.85 },
        { "vlm", false, 0.85 },
        { "vlm", false, 0 },
        { "vlm", true, 1 },
    };

    [Theory]
    [MemberData(nameof(Cases))]
    public void Gradients_are_those_of_all_rows(string model, bool fused, double ignored)
    {
        var golden = GoldenModel.Load(model, $"{model}.onnx");
        var batch = Batch(golden, model, ignored);
        var options = new GradientOptions { FusedKernels = fused };
        var plain = Build(golden, batch, options);
        var sparse = Build(golden, batch, options with { SparseLabels = true });
        Assert.Empty(plain.LabelSparsity);
        Assert.Single(sparse.LabelSparsity);

        var expected = Run(plain, golden.Feed(batch));
        var actual = Run(sparse, golden.Feed(batch));

        AssertClose(expected, actual);
        if (ignored == 1)
        {
            Assert.All(actual, pair => Assert.All(pair.Value, value => Assert.Equal(0, value)));
        }
    }

    [Fact]
    public void Rows_are_gathered_as_early_as_the_model_works_on_them_one_by_one()
    {
        var golden = GoldenModel.Load("gpt_nano", "gpt_nano.onnx");
        var batch = Batch(golden, "gpt_nano", 0.85);
        var graph = Build(golden, batch, new GradientOptions { SparseLabels = true });
        var report = Assert.Single(graph.LabelSparsity);

        // What comes before are the stream of the last block and, behind its attention, the heads side by side.
        Assert.Equal(2, report.Gathered.Count);
        Assert.Equal("/blocks.3/attn/proj/MatMul", report.Nodes[0]);
        Assert.Contains("/blocks.3/fc/MatMul", report.Nodes);
        Assert.Equal("logits", report.Output);
        Assert.Equal(-1, graph.Values!["logits"].Shape[^2]);
        Assert.Equal(report.Rows + 1, graph.OpenAxisLimit);
        foreach (var source in report.Gathered)
        {
            var readers = graph.Model.Graph.Node.Where(node => node.Input.Contains(source)).ToList();
            Assert.DoesNotContain(readers, node => report.Nodes.Contains(node.Name));
        }

        // The way back is a Gather as well: nothing adds rows up.
        Assert.DoesNotContain(graph.Model.Graph.Node, node => node.OpType.StartsWith("Scatter", StringComparison.Ordinal));
        Assert.Equal(2, graph.Model.Graph.Node.Count(node => node.OpType == "Gather" && node.Name.StartsWith("label_sparsity/", StringComparison.Ordinal) && node.Name.Contains("_grad/", StringComparison.Ordinal)));
    }

    [Fact]
    public void A_slice_of_the_rows_is_left_out_with_the_ignored_ones()
    {
        var golden = GoldenModel.Load("vlm", "vlm.onnx");
        var batch = Batch(golden, "vlm", 0.5);
        var report = Assert.Single(Build(golden, batch, new GradientOptions { SparseLabels = true }).LabelSparsity);

        // The scores of the picture's tokens are cut off at the end of the model, and now not computed.
        Assert.True(report.Rows > batch["labels"].ElementCount(), $"{report.Rows}");
        Assert.DoesNotContain("/language_model/Slice", report.Nodes);
        Assert.Contains("/language_model/layers.1/down/MatMul", report.Nodes);
    }

    /// <summary>Every kind of operator that works row by row, views in between, and values that have rows of their own.</summary>
    [Theory]
    [InlineData(true, false, 13)]
    [InlineData(false, false, 13)]
    [InlineData(true, true, 18)]
    [InlineData(false, true, 18)]
    public void Row_wise_operators_run_on_the_rows_that_count(bool fused, bool isSum, long opset)
    {
        var model = Rows(opset);
        var loss = new LossOptions
        {
            Output = "scores", Labels = "labels", IgnoreIndex = 3, IsSum = isSum, LabelSmoothing = 0.1, ClassWeights = fused ? null : [1, 2, 0.5, 1, 3, 0.25],
        };
        string[] trainable = [.. model.Graph.Initializer.Where(tensor => tensor.Name.StartsWith('w')).Select(tensor => tensor.Name)];
        var inputs = new Dictionary<string, TensorProto> { ["x"] = Tensors.Of(TensorElementType.Float, [4, 3, 5], Tensors.Spread(60, -1, 1, 3)) };
        var values = Ort.Probe(model, inputs);
        var options = new GradientOptions { FusedKernels = fused };
        var plain = new TrainingGraphBuilder(options).Build(model, values, loss, trainable);
        var sparse = new TrainingGraphBuilder(options with { SparseLabels = true }).Build(model, values, loss, trainable);
        var report = Assert.Single(sparse.LabelSparsity);
        Assert.Equal(["MatMul_first", "Add_biased", "Add_rows"], report.Nodes.Take(3));
        Assert.Equal(["summed", "w_rows"], report.Gathered);

        foreach (var labels in (long[][])[[3, 0, 3, 3, 5, 2, 3, 1], [3, 3, 3, 3, 3, 3, 3, 3], [0, 1, 2, 4, 5, 1, 0, 2], [3, 3, 3, 3, 3, 3, 3, 2]])
        {
            var feed = new Dictionary<string, TensorProto>(inputs) { ["labels"] = TensorFactory.FromInt64s("labels", [8], labels) };
            foreach (var tensor in model.Graph.Initializer)
            {
                feed[tensor.Name] = tensor;
            }

            AssertClose(Run(plain, feed), Run(sparse, feed));
        }
    }

    [Fact]
    public void Dropouts_keep_their_masks_and_so_all_their_rows()
    {
        var model = new GraphSketch(17).Input("x", 6, 4).Parameter("w1", [4, 4], Tensors.Spread(16, -1, 1, 1)).Parameter("w2", [4, 5], Tensors.Spread(20, -1, 1, 2))
            .Constant("half", [], 0.5).Raw("yes", TensorElementType.Bool, [], [1])
            .Node("MatMul", "x w1", "hidden").Node("Dropout", "hidden half yes", "dropped").Node("Tanh", "dropped", "bent").Node("MatMul", "bent w2", "scores").Output("scores", 6, 5);
        var inputs = new Dictionary<string, TensorProto> { ["x"] = Tensors.Of(TensorElementType.Float, [6, 4], Tensors.Spread(24, -1, 1, 3)) };
        var options = new GradientOptions { Dropout = new DropoutOptions { Seed = 4 } };
        var loss = new LossOptions { Output = "scores", Labels = "labels" };
        var plain = new TrainingGraphBuilder(options).Build(model, Ort.Probe(model, inputs), loss, ["w1", "w2"]);
        var sparse = new TrainingGraphBuilder(options with { SparseLabels = true }).Build(model, Ort.Probe(model, inputs), loss, ["w1", "w2"]);
        Assert.Equal(["dropped"], Assert.Single(sparse.LabelSparsity).Gathered);

        var feed = new Dictionary<string, TensorProto>(inputs)
        {
            ["labels"] = TensorFactory.FromInt64s("labels", [6], [-100, 1, -100, 4, 0, -100]), ["micro_batch"] = TensorFactory.Scalar("", 3L),
            ["w1"] = model.Graph.Initializer[0], ["w2"] = model.Graph.Initializer[1],
        };
        AssertClose(Run(plain, feed), Run(sparse, feed));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Recomputation_changes_no_bit_of_it(bool fused)
    {
        var golden = GoldenModel.Load("gpt_nano", "gpt_nano.onnx");
        var batch = Batch(golden, "gpt_nano", 0.7);
        var options = new GradientOptions { FusedKernels = fused, SparseLabels = true };
        var sparse = Build(golden, batch, options);
        var (recomputing, report) = Recompute.Apply(sparse, new RecomputeOptions { Layers = ["/blocks.*/"] }, options);
        Assert.True(report.PeakBytesAfter < report.PeakBytesBefore, $"{report}");

        var expected = Run(sparse, golden.Feed(batch), GraphOptimizationLevel.None);
        Assert.All(Run(recomputing, golden.Feed(batch), GraphOptimizationLevel.None), pair => Assert.Equal(expected[pair.Key], pair.Value));
    }

    [Fact]
    public void What_other_outputs_or_losses_read_keeps_its_rows()
    {
        // The scores feed a second loss, the last axis is not that of the classes, or there is no product to save.
        var rows = new GraphSketch(17).Input("x", 6, 4).Parameter("w", [4, 4], Tensors.Spread(16, -1, 1, 1)).Node("MatMul", "x w", "scores").Output("scores", 6, 4);
        Assert.Empty(Sparse(rows, new LossOptions { Output = "scores", Labels = "labels", Others = [new LossOptions { Output = "scores", Labels = "others" }] }));
        Assert.Empty(Sparse(rows, new LossOptions { Output = "scores", Labels = "labels", Axis = 0 }));
        Assert.Single(Sparse(rows, new LossOptions { Output = "scores", Labels = "labels" }));
        var sums = new GraphSketch(17).Input("x", 6, 4).Parameter("w", [4], 1, 2, 3, 4).Node("Mul", "x w", "scores").Output("scores", 6, 4);
        Assert.Empty(Sparse(sums, new LossOptions { Output = "scores", Labels = "labels" }));

        static IReadOnlyList<LabelSparsityReport> Sparse(OnnxModel model, LossOptions loss) => new TrainingGraphBuilder(new GradientOptions { SparseLabels = true }).Build(
            model, Ort.Probe(model, new Dictionary<string, TensorProto> { ["x"] = Tensors.Of(TensorElementType.Float, [6, 4], Tensors.Spread(24, -1, 1, 3)) }), loss, ["w"]).LabelSparsity;
    }

    /// <summary>
    /// A sum along the tokens, which no row does by itself, and from there rows only: [4, 3] of them, flattened to 12 and back, of which a slice leaves 8.
    /// </summary>
    private static OnnxModel Rows(long opset)
    {
        var isOld = opset < 18;
        return new GraphSketch(opset).Input("x", 4, 3, 5)
            .Parameter("w_scale", [5], 1, -0.5, 2, 0.7, 1.5).Parameter("w_first", [5, 6], Tensors.Spread(30, -1, 1, 1)).Parameter("w_bias", [1, 1, 6], Tensors.Spread(6, -1, 1, 2))
            .Parameter("w_rows", [4, 3, 1], Tensors.Spread(12, -1, 1, 8)).Parameter("w_slope", [6], 0.1, 0.2, 0.3, 0.4, 0.5, 0.6).Parameter("w_gain", [6], Tensors.Spread(6, 0.5, 1.5, 4))
            .Parameter("w_second", [7, 6], Tensors.Spread(42, -1, 1, 5)).Parameter("w_offset", [7], Tensors.Spread(7, -1, 1, 6)).Parameter("w_head", [7, 6], Tensors.Spread(42, -1, 1, 7))
            .Constant("two", [], 2).Constant("small", [], 1e-5).Constant("low", [], -2).Constant("high", [], 2).Raw("flags", TensorElementType.Bool, [6], [1, 0, 1, 1, 0, 1])
            .Integers("last", -1).Integers("flat", 12, 6).Integers("tokens", 4, 3, 7).Integers("from", 1).Integers("to", 3).Integers("axis", 1).Integers("flat_scores", 8, 6)
            .Raw("along", TensorElementType.Int64, [], BitConverter.GetBytes(1L))
            .Node("Mul", "x w_scale", "scaled").Node("CumSum", "scaled along", "summed")
            .Node("MatMul", "summed w_first", "first").Node("Add", "first w_bias", "biased").Node("Add", "biased w_rows", "rows").Node("PRelu", "rows w_slope", "bent")
            .Node("ReduceMean", "bent", "mean", node => Axes(node, -1, "last")).Node("Sub", "bent mean", "centered").Node("Pow", "centered two", "square")
            .Node("ReduceMean", "square", "variance", node => Axes(node, 2, "last")).Node("Add", "variance small", "safe").Node("Sqrt", "safe", "deviation")
            .Node("Div", "centered deviation", "normal").Node("Mul", "normal w_gain", "gained").Node("Clip", "gained low high", "clipped")
            .Node("Where", "flags clipped gained", "chosen")
            .Node("Reshape", "chosen flat", "rows12").Node("Gemm", "rows12 w_second w_offset", "second", node => node.SetInt("transB", 1))
            .Node("Reshape", "second tokens", "again").Node("Softmax", "again", "shares", node => node.SetInt("axis", 2)).Node("Mul", "shares again", "gated")
            .Node("MatMul", "gated w_head", "all").Node("Slice", "all from to axis", "cut").Node("Reshape", "cut flat_scores", "scores").Output("scores", 8, 6);

        // From set 18 on the axes are an input.
        void Axes(NodeProto node, long axis, string input)
        {
            if (isOld)
            {
                node.SetInts("axes", axis);
            }
            else
            {
                node.Input.Add(input);
            }
        }
    }

    private static TrainingGraph Build(GoldenModel golden, Dictionary<string, TensorProto> batch, GradientOptions options) =>
        new TrainingGraphBuilder(options).Build(
            golden.Model, golden.Values(batch), new LossOptions { Output = golden.Model.Graph.Output[0].Name, Labels = "labels" }, golden.Trainable);

    private static Dictionary<string, double[]> Run(TrainingGraph graph, Dictionary<string, TensorProto> feed, GraphOptimizationLevel level = GraphOptimizationLevel.All)
    {
        using var session = Ort.Open(graph.Model, level);
        return Ort.Run(session, feed);
    }

    /// <summary>Within the rounding of float32 sums of other grouping, by the largest element of a tensor.</summary>
    private static void AssertClose(Dictionary<string, double[]> expected, Dictionary<string, double[]> actual)
    {
        Assert.Equal(expected.Keys, actual.Keys);
        foreach (var (name, values) in expected)
        {
            var scale = values.Max(Math.Abs);
            Assert.All(values.Zip(actual[name]), pair => Assert.True(Math.Abs(pair.First - pair.Second) <= (2e-5 * scale) + 1e-9, $"{name}: {pair}"));
        }
    }

    private static Dictionary<string, TensorProto> Batch(GoldenModel golden, string model, double ignored)
    {
        (string Name, string File)[] fields = model == "vlm"
            ? [("image", "image.npy"), ("input_ids", "input_ids.npy"), ("labels", "labels.npy")]
            : [("input_ids", "inputs.npy"), ("labels", "labels.npy")];
        var batch = golden.Batch(0, [.. fields.Select(field => (field.Name, RepositoryPaths.Fixture(model, "golden", field.File)))]);
        var labels = batch["labels"].ToInt64s();
        var random = new Random(7);
        for (var i = 0; i < labels.Length; i++)
        {
            labels[i] = random.NextDouble() < ignored ? -100 : Math.Abs(labels[i] % 32);
        }

        batch["labels"] = TensorFactory.FromInt64s("labels", batch["labels"].Shape(), labels);
        return batch;
    }
}
