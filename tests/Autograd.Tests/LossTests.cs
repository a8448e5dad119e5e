using OrtZero.Onnx;
using OrtZero.Onnx.Protobuf;

namespace OrtZero.Autograd.Tests;

/// <summary>Losses against their formulas in float64, with the fused operator and without.</summary>
public class LossTests
{
    private const int Rows = 5;
    private const int Classes = 4;
    private static readonly double[] Scores = Tensors.Spread(Rows * Classes, -3, 4, 5);

    [Theory]
    [CombinatorialLossData]
    public void Cross_entropy_is_that_of_the_formula(bool fused, double smoothing, long ignored)
    {
        long[] labels = [0, 3, ignored, 2, 1];
        var (loss, gradient) = Run(fused, labels, new LossOptions { Output = "scores", Labels = "labels", IgnoreIndex = ignored, LabelSmoothing = smoothing });
        var (expectedLoss, expectedGradient) = CrossEntropy(labels, ignored, smoothing);
        Assert.Equal(expectedLoss, loss, 1e-5);
        Assert.Equal(0, expectedGradient.Zip(gradient, (a, b) => Math.Abs(a - b)).Max(), 1e-6);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Scores_far_apart_do_not_overflow(bool fused)
    {
        double[] far = [1000, -1000, 0, 900, 88, 89, 90, 91, -5000, -5001, -5002, -5003, 0, 0, 0, 0, 1e4, 1e4, -1e4, 0];
        var (loss, gradient) = Run(fused, [1, 0, 2, 3, 0], new LossOptions { Output = "scores", Labels = "labels" }, far);
        Assert.True(double.IsFinite(loss));
        Assert.All(gradient, value => Assert.True(double.IsFinite(value)));
        Assert.Equal(-0.2, gradient[1], 1e-6);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Where_every_label_is_ignored_loss_and_gradient_are_zero(bool fused)
    {
        var (loss, gradient) = Run(fused, [-100, -100, -100, -100, -100], new LossOptions { Output = "scores", Labels = "labels", LabelSmoothing = 0.1 });
        Assert.Equal(0, loss);
        Assert.All(gradient, value => Assert.Equal(0, value));
    }

    [Fact]
    public void Mean_squared_error_is_that_of_the_formula()
    {
        var target = Tensors.Spread(Rows * Classes, -2, 3, 9);
        var model = Model();
        var graph = Build(model, fused: true, new LossOptions { Type = LossType.MeanSquaredError, Output = "scores", Labels = "target" });
        using var session = Ort.Open(graph.Model);
        var results = Ort.Run(session, new Dictionary<string, TensorProto>
        {
            ["w"] = Tensors.Of(TensorElementType.Float, [Rows, Classes], Scores),
            ["target"] = Tensors.Of(TensorElementType.Float, [Rows, Classes], target),
        });
        var differences = Scores.Zip(target, (score, wanted) => score - wanted).ToArray();
        Assert.Equal(differences.Average(value => value * value), results["loss"][0], 1e-5);
        Assert.Equal(0, differences.Zip(results["w_grad"], (value, actual) => Math.Abs((2 * value / differences.Length) - actual)).Max(), 1e-6);
    }

    [Theory]
    [InlineData(13)]
    [InlineData(18)]
    [InlineData(21)]
    public void Every_operator_set_from_13_on_gives_the_same_loss(long opset)
    {
        var model = new GraphSketch(opset).Parameter("w", [Rows, Classes], Scores).Node("Identity", "w", "scores").Output("scores", Rows, Classes);
        long[] labels = [0, 3, -100, 2, 1];
        var (loss, gradient) = Run(fused: false, labels, new LossOptions { Output = "scores", Labels = "labels" }, model: model);
        var (expectedLoss, expectedGradient) = CrossEntropy(labels, -100, 0);
        Assert.Equal(expectedLoss, loss, 1e-5);
        Assert.Equal(0, expectedGradient.Zip(gradient, (a, b) => Math.Abs(a - b)).Max(), 1e-6);
    }

    [Fact]
    public void An_older_operator_set_is_refused()
    {
        var model = new GraphSketch(12).Parameter("w", [Rows, Classes], Scores).Node("Identity", "w", "scores").Output("scores", Rows, Classes);
        var error = Assert.Throws<GradientException>(() => Build(model, true, new LossOptions { Output = "scores", Labels = "labels" }));
        Assert.Equal("The model uses operator set 12, and gradients need 13 or later: export it with a newer one.", error.Message);
    }

    [Fact]
    public void Labels_with_the_name_of_another_value_are_refused()
    {
        var error = Assert.Throws<GradientException>(() => Build(Model(), true, new LossOptions { Output = "scores", Labels = "w" }));
        Assert.Equal("The labels input 'w' would hide a value of that name in the model: choose another name for the labels.", error.Message);
    }

    [Fact]
    public void An_output_with_many_elements_cannot_be_the_loss()
    {
        var error = Assert.Throws<GradientException>(() => Build(Model(), true, new LossOptions { Type = LossType.ModelOutput, Output = "scores" }));
        Assert.Equal(
            "Output 'scores' has shape [5, 4] and is to be the loss itself: choose an output with one element, or another type of loss.", error.Message);
    }

    private static OnnxModel Model() => new GraphSketch().Parameter("w", [Rows, Classes], Scores).Node("Identity", "w", "scores").Output("scores", Rows, Classes);

    private static TrainingGraph Build(OnnxModel model, bool fused, LossOptions loss) =>
        new TrainingGraphBuilder(new GradientOptions { FusedKernels = fused })
            .Build(model, Ort.Probe(model, new Dictionary<string, TensorProto>()), loss, ["w"]);

    private static (double Loss, double[] Gradient) Run(bool fused, long[] labels, LossOptions loss, double[]? scores = null, OnnxModel? model = null)
    {
        using var session = Ort.Open(Build(model ?? Model(), fused, loss).Model);
        var results = Ort.Run(session, new Dictionary<string, TensorProto>
        {
            ["w"] = Tensors.Of(TensorElementType.Float, [Rows, Classes], scores ?? Scores),
            ["labels"] = TensorFactory.FromInt64s("", [Rows], labels),
        });
        return (results["loss"][0], results["w_grad"]);
    }

    private static (double Loss, double[] Gradient) CrossEntropy(long[] labels, long ignored, double smoothing)
    {
        var gradient = new double[Scores.Length];
        var count = labels.Count(label => label != ignored);
        var loss = 0.0;
        for (var row = 0; row < Rows; row++)
        {
            if (labels[row] == ignored)
            {
                continue;
            }

            var scores = Scores.AsSpan(row * Classes, Classes).ToArray();
            var logSum = Math.Log(scores.Sum(Math.Exp));
            for (var c = 0; c < Classes; c++)
            {
                var target = (smoothing / Classes) + (c == labels[row] ? 1 - smoothing : 0);
                loss -= target * (scores[c] - logSum) / count;
                gradient[(row * Classes) + c] = (Math.Exp(scores[c] - logSum) - target) / count;
            }
        }

        return (loss, gradient);
    }

    /// <summary>Fused or not, without and with smoothing, ignoring a number outside and inside the classes.</summary>
    [AttributeUsage(AttributeTargets.Method)]
    private sealed class CombinatorialLossDataAttribute : Xunit.Sdk.DataAttribute
    {
        public override IEnumerable<object[]> GetData(System.Reflection.MethodInfo testMethod) =>
            from fused in new[] { true, false }
            from smoothing in new[] { 0, 0.1, 1 }
            from ignored in new[] { -100L, 2L, 4000 }
            select new object[] { fused, smoothing, ignored };
    }
}
