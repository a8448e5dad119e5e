using OrtZero.Onnx;
using OrtZero.Onnx.Protobuf;
using OrtZero.Runtime;

namespace OrtZero.Autograd.Tests;

/// <summary>Dropouts whose masks follow from the seed and the index of the micro-batch.</summary>
public sealed class DropoutTests
{
    internal const string Operator = "CounterDropout";

    private const int Width = 24;
    private static readonly double[] Weights = Tensors.Spread(Width * Width, -1, 1, 5);
    private static readonly LossOptions Loss = new() { Type = LossType.ModelOutput, Output = "sum" };

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void The_gradient_is_that_of_finite_differences_under_the_same_mask(bool fused)
    {
        var graph = Build(Sketch().Loss("y"), new DropoutOptions { Seed = 11 }, fused);
        using var session = Ort.Open(graph.Model);
        var gradient = Run(session, 6)["w_grad"];
        for (var i = 0; i < Weights.Length; i += 7)
        {
            var numeric = (At(i, 0.03) - At(i, -0.03)) / 0.06;
            Assert.Equal(numeric, gradient[i], 5e-3);
        }

        Assert.InRange(gradient.Count(value => value == 0), Weights.Length / 3, 2 * Weights.Length / 3);
        Assert.DoesNotContain(graph.Model.Graph.Node, node => node.OpType == "Dropout");

        double At(int index, double step)
        {
            var moved = (double[])Weights.Clone();
            moved[index] += step;
            return Run(session, 6, moved)["loss"][0];
        }
    }

    [Fact]
    public void Masks_follow_from_seed_micro_batch_and_node()
    {
        var model = Sketch().Node("Dropout", "w half yes", "other").Node("Sub", "dropped other", "difference").Node("Abs", "difference", "apart").Loss("apart");
        var graph = Build(model, new DropoutOptions { Seed = 3 });
        using var session = Ort.Open(graph.Model);
        using var again = Ort.Open(Build(model, new DropoutOptions { Seed = 3 }).Model, GraphOptimizationLevel.None);
        using var reseeded = Ort.Open(Build(model, new DropoutOptions { Seed = 4 }).Model);

        var first = Run(session, 0)["w_grad"];
        Assert.NotEqual(0, Run(session, 0)["loss"][0]);
        Assert.NotEqual(first, Run(session, 1)["w_grad"]);
        Assert.Equal(first, Run(session, 0)["w_grad"]);
        Assert.Equal(first, Run(again, 0)["w_grad"]);
        Assert.NotEqual(first, Run(reseeded, 0)["w_grad"]);
    }

    [Fact]
    public void Dropouts_are_switched_on_and_off_for_the_whole_model()
    {
        var resting = Sketch("Dropout", "w half").Loss("y");
        var training = Sketch().Loss("y");
        Assert.Null(Build(resting, new DropoutOptions()).MicroBatchInput);
        Assert.Null(Build(training, new DropoutOptions { IsOn = false }).MicroBatchInput);
        Assert.Null(Build(training, new DropoutOptions { IsOn = true, Rate = 0 }).MicroBatchInput);
        Assert.Equal(Dropped(training, new DropoutOptions()), Dropped(resting, new DropoutOptions { IsOn = true }));
        Assert.InRange(Dropped(resting, new DropoutOptions { IsOn = true }), 230, 345);
        Assert.InRange(Dropped(resting, new DropoutOptions { IsOn = true, Rate = 0.1 }), 30, 90);
        Assert.Equal(0, Dropped(training, new DropoutOptions { IsOn = false }));
    }

    [Fact]
    public void Evaluation_drops_nothing()
    {
        var model = Sketch().Loss("y");
        var options = new GradientOptions { Dropout = new DropoutOptions { IsOn = true } };
        var evaluation = new TrainingGraphBuilder(options).BuildEvaluation(model, Ort.Probe(model, new Dictionary<string, TensorProto>()), Loss, ["w"]);
        using var session = Ort.Open(evaluation);
        Assert.DoesNotContain(evaluation.Graph.Input, input => input.Name == "micro_batch");
        Assert.Equal(Weights.Sum(Math.Sin), Run(session, 0)["loss"][0], 1e-3);
    }

    [Fact]
    public void Other_providers_drop_the_same_elements_by_masks_from_the_cpu()
    {
        var fused = Build(Sketch().Loss("y"), new DropoutOptions { Seed = 5 });
        var written = Build(Sketch().Loss("y"), new DropoutOptions { Seed = 5 }, fused: false);
        Assert.Contains(fused.Model.Graph.Node, node => node.OpType == Operator);
        Assert.Equal("CounterMask", Assert.Single(written.Model.Graph.Node, node => node.Domain.Length > 0).OpType);
        using var first = Ort.Open(fused.Model);
        using var second = Ort.Open(written.Model);
        Assert.All(Run(first, 7), pair => Assert.Equal(pair.Value, Run(second, 7)[pair.Key]));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void A_model_may_read_the_mask(bool fused)
    {
        var model = Sketch("Dropout", "w half yes", node => node.Output.Add("mask"))
            .Node("Cast", "mask", "numbers", node => node.SetInt("to", (int)TensorElementType.Float)).Node("Mul", "numbers y", "masked").Loss("masked");
        var graph = Build(model, new DropoutOptions(), fused);
        using var session = Ort.Open(graph.Model);
        using var plain = Ort.Open(Build(Sketch().Loss("y"), new DropoutOptions()).Model);
        Assert.Equal(Run(plain, 2)["w_grad"], Run(session, 2)["w_grad"]);
    }

    /// <summary>y = w·mask/keep and the loss is its sum, so w times its gradient is the loss only if both saw the same mask.</summary>
    [Theory]
    [InlineData(1)]
    [InlineData(-1)]
    public void Dropouts_in_branches_draw_masks_of_their_own(double x)
    {
        var model = Branching().Loss("y");
        var inputs = new Dictionary<string, TensorProto> { ["x"] = Tensors.Of(TensorElementType.Float, [1], [x]) };
        var graph = Build(model, new DropoutOptions { Seed = 2 }, inputs: inputs);
        using var session = Ort.Open(graph.Model);
        var results = Run(session, 8, inputs: inputs);

        Assert.InRange(results["w_grad"].Count(value => value == 0), 200, 400);
        Assert.Equal(results["loss"][0], results["w_grad"].Zip(Weights, (gradient, weight) => gradient * weight).Sum(), 1e-3);
        Assert.Equal(results["w_grad"], Run(session, 8, inputs: inputs)["w_grad"]);
        Assert.NotEqual(results["w_grad"], Run(session, 9, inputs: inputs)["w_grad"]);
    }

    [Fact]
    public void Recomputed_dropouts_draw_the_same_masks_beside_branches_too()
    {
        // The branch stays as it is, since nodes with graphs inside are not computed twice; what surrounds it is.
        var model = Branching().Node("MatMul", "y y", "square", Layer).Node("Tanh", "square", "bent", Layer).Node("Dropout", "bent half yes", "last", Layer)
            .Node("Mul", "last last", "power", Layer).Node("Exp", "power", "end").Loss("end");
        var inputs = new Dictionary<string, TensorProto> { ["x"] = Tensors.Of(TensorElementType.Float, [1], [1]) };
        var plain = Build(model, new DropoutOptions { Seed = 2 }, inputs: inputs);
        var (graph, report) = Recompute.Apply(plain, new RecomputeOptions { Layers = ["/layer.*/"] });
        Assert.True(report.Values > 0, $"{report}");
        Assert.True(graph.Model.Graph.Node.Count(node => node.OpType == "CounterDropout") > plain.Model.Graph.Node.Count(node => node.OpType == "CounterDropout"));
        using var before = Ort.Open(plain.Model, GraphOptimizationLevel.None);
        using var after = Ort.Open(graph.Model, GraphOptimizationLevel.None);
        var expected = Run(before, 5, inputs: inputs);
        Assert.All(Run(after, 5, inputs: inputs), pair => Assert.Equal(expected[pair.Key], pair.Value));

        static void Layer(NodeProto node) => node.Name = $"/layer.0/{node.OpType}";
    }

    [Fact]
    public void What_cannot_be_drawn_is_refused_by_name()
    {
        Refused("Dropout 'Dropout_dropped' has a ratio that is computed from data: ", Sketch("Dropout", "w r yes").Input("r").Loss("y"), new() { ["r"] = Tensors.Of(TensorElementType.Float, [], [0.5]) });
        Refused(
            "Dropout 'Dropout_y' works on Double numbers, and masks are drawn for Float: ",
            new GraphSketch(real: TensorElementType.Double).Parameter("w", [2], 1, 2).Raw("half", TensorElementType.Float, [], BitConverter.GetBytes(0.5f))
                .Raw("yes", TensorElementType.Bool, [], [1]).Node("Dropout", "w half yes", "y").Loss("y"));

        var body = new GraphSketch().Node("Identity", "go", "on").Node("Dropout", "state half yes", "next").Branch("on", "next");
        body.Output[0].Type.TensorType.ElemType = (int)TensorElementType.Bool;
        body.Input.Add(ValueInfos.Create("turn", TensorElementType.Int64));
        body.Input.Add(ValueInfos.Create("go", TensorElementType.Bool));
        body.Input.Add(ValueInfos.Create("state", TensorElementType.Float));
        Refused(
            "Dropout 'Dropout_next' is in the body of Loop 'Loop_looped', where every turn would drop the same elements: ",
            Constants().Integers("turns", 2).Node("Loop", "turns yes half", "looped", node => node.Attribute.Add(
                new AttributeProto { Name = "body", Type = AttributeProto.Types.AttributeType.Graph, G = body })).Node("Mul", "w looped", "y").Loss("y"));

        static void Refused(string message, OnnxModel model, Dictionary<string, TensorProto>? inputs = null)
        {
            var error = Assert.Throws<GradientException>(() => Build(model, new DropoutOptions(), inputs: inputs));
            Assert.StartsWith(message, error.Message, StringComparison.Ordinal);
            Build(model, new DropoutOptions { IsOn = false }, inputs: inputs);
        }
    }

    /// <summary>y = sin(dropout(w)), with half and yes for further dropouts.</summary>
    private static GraphSketch Sketch(string operatorName = "Dropout", string inputs = "w half yes", Action<NodeProto>? attributes = null) =>
        Constants().Node(operatorName, inputs, "dropped", attributes).Node("Sin", "dropped", "y");

    /// <summary>One branch drops half of w, the other half of -w.</summary>
    private static GraphSketch Branching() => Constants().Input("x", 1).Constant("zero", [], 0)
        .Node("ReduceSum", "x", "total", node => node.SetInt("keepdims", 0)).Node("Greater", "total zero", "flag")
        .If(
            "flag", "y", new GraphSketch().Node("Dropout", "w half yes", "kept").Branch("kept"),
            new GraphSketch().Node("Neg", "w", "negative").Node("Dropout", "negative half yes", "left").Branch("left"));

    private static GraphSketch Constants() => new GraphSketch().Parameter("w", [Width, Width], Weights)
        .Constant("half", [], 0.5).Raw("yes", TensorElementType.Bool, [], [1]);

    private static TrainingGraph Build(OnnxModel model, DropoutOptions dropout, bool fused = true, Dictionary<string, TensorProto>? inputs = null) =>
        new TrainingGraphBuilder(new GradientOptions { FusedKernels = fused, Dropout = dropout }).Build(model, Ort.Probe(model, inputs ?? []), Loss, ["w"]);

    private static int Dropped(OnnxModel model, DropoutOptions options)
    {
        using var session = Ort.Open(Build(model, options).Model);
        return Run(session, 0)["w_grad"].Count(value => value == 0);
    }

    private static Dictionary<string, double[]> Run(
        OrtSession session, long microBatch, double[]? weights = null, Dictionary<string, TensorProto>? inputs = null) =>
        Ort.Run(session, new Dictionary<string, TensorProto>(inputs ?? [])
        {
            ["w"] = Tensors.Of(TensorElementType.Float, [Width, Width], weights ?? Weights),
            ["micro_batch"] = TensorFactory.Scalar("", microBatch),
        });
}
