using OrtZero.Onnx;
using OrtZero.Onnx.Protobuf;

namespace OrtZero.Autograd.Tests;

/// <summary>Losses against their formulas in float64; gradients against central differences of those.</summary>
public class LossFormulaTests
{
    private const int Rows = 3;
    private const int Columns = 4;
    private static readonly double[] X = Tensors.Spread(Rows * Columns, -2.2, 2.6, 5);
    private static readonly double[] Target = Tensors.Spread(Rows * Columns, -1, 1.5, 9);
    private static readonly double[] Share = Tensors.Spread(Rows * Columns, 0.11, 0.95, 11);

    public static TheoryData<string> Losses => [.. Formulas.Keys];

    private static readonly Dictionary<string, (LossOptions Options, double[] Labels, Func<double[], double> Formula)> Formulas = new()
    {
        ["l1"] = (Options(LossType.L1), Target, x => Mean(x, Target, (a, b) => Math.Abs(a - b))),
        ["huber"] = (Options(LossType.Huber), Target, x => Mean(x, Target, (a, b) => HuberOf(a - b, 1))),
        ["huber with delta"] = (Options(LossType.Huber) with { Delta = 0.4 }, Target, x => Mean(x, Target, (a, b) => HuberOf(a - b, 0.4))),
        ["bce"] = (Options(LossType.BinaryCrossEntropy), Share, x => Mean(x, Share, (a, b) => Binary(a, b, 1))),
        ["bce with a weight"] = (
            Options(LossType.BinaryCrossEntropy) with { PositiveWeight = [2.5] }, Share, x => Mean(x, Share, (a, b) => Binary(a, b, 2.5))),
        ["kl"] = (Options(LossType.KullbackLeibler), Share, x => Enumerable.Range(0, x.Length).Sum(i => Share[i] * (Math.Log(Share[i]) - x[i])) / Rows),
        ["mse weighted"] = (
            Options(LossType.MeanSquaredError) with { Weight = 0.3 }, Target, x => 0.3 * Mean(x, Target, (a, b) => (a - b) * (a - b))),
    };

    [Theory]
    [MemberData(nameof(Losses))]
    public void Loss_and_gradient_are_those_of_the_formula(string name)
    {
        var (options, labels, formula) = Formulas[name];
        var (loss, gradient) = Run(options, Tensors.Of(TensorElementType.Float, [Rows, Columns], labels), X);
        Check(formula, X, loss, gradient);
    }

    [Fact]
    public void Positives_may_have_a_weight_for_each_column()
    {
        double[] weights = [0.5, 1, 2, 3];
        var (loss, gradient) = Run(
            Options(LossType.BinaryCrossEntropy) with { PositiveWeight = weights }, Tensors.Of(TensorElementType.Float, [Rows, Columns], Share), X);
        Check(x => Enumerable.Range(0, x.Length).Average(i => Binary(x[i], Share[i], weights[i % Columns])), X, loss, gradient);
    }

    [Fact]
    public void Binary_scores_far_out_do_not_overflow()
    {
        double[] far = [1000, -1000, 200, -200, 0, 1e4, -1e4, 90, -90, 30, -30, 1];
        var (loss, gradient) = Run(
            Options(LossType.BinaryCrossEntropy), Tensors.Of(TensorElementType.Float, [Rows, Columns], [1, 0, 0, 1, 1, 1, 0, 1, 0, 1, 0, 1]), far);
        Assert.InRange(loss, 33, 34);
        Assert.All(gradient, value => Assert.True(double.IsFinite(value)));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(0.2)]
    public void Class_weights_weigh_sum_and_divisor(double smoothing)
    {
        double[] weights = [0.5, 2, 0, 1.5];
        long[] labels = [3, -100, 1];
        var (loss, gradient) = Run(
            Options(LossType.CrossEntropy) with { ClassWeights = weights, LabelSmoothing = smoothing }, TensorFactory.FromInt64s("", [Rows], labels), X);
        Check(x => Weighted(x, labels, weights, smoothing), X, loss, gradient);
    }

    [Fact]
    public void Classes_may_be_counted_along_axis_1()
    {
        var model = new GraphSketch().Parameter("w", [2, 3, 2], X).Node("Identity", "w", "scores").Output("scores", 2, 3, 2);
        long[] labels = [2, 0, 1, -100];
        var (loss, gradient) = Run(Options(LossType.CrossEntropy) with { Axis = 1 }, TensorFactory.FromInt64s("", [2, 2], labels), X, model);
        Check(
            x => Weighted(
                [.. Enumerable.Range(0, 12).Select(i => x[(i / 6 * 6) + (i % 3 * 2) + (i / 3 % 2)])], labels, [1, 1, 1], 0),
            X, loss, gradient);
    }

    [Fact]
    public void Several_losses_add_up_with_their_weights()
    {
        var options = Options(LossType.L1) with { Weight = 0.5, Others = [Options(LossType.MeanSquaredError) with { Weight = 2 }] };
        var (loss, gradient) = Run(options, Tensors.Of(TensorElementType.Float, [Rows, Columns], Target), X);
        Check(x => (0.5 * Mean(x, Target, (a, b) => Math.Abs(a - b))) + (2 * Mean(x, Target, (a, b) => (a - b) * (a - b))), X, loss, gradient);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Sums_and_their_counts_give_the_mean_over_unequal_micro_batches(bool fused)
    {
        var model = Model();
        var graph = Build(model, Options(LossType.CrossEntropy) with { IsSum = true }, fused);
        using var session = Ort.Open(graph.Model);
        long[][] batches = [[3, -100, -100], [0, 1, 2]];
        var runs = Array.ConvertAll(batches, labels => Ort.Run(session, new Dictionary<string, TensorProto>
        {
            ["w"] = Tensors.Of(TensorElementType.Float, [Rows, Columns], X), ["labels"] = TensorFactory.FromInt64s("", [Rows], labels),
        }));
        Assert.Equal([1, 3], runs.Select(run => run[graph.CountName!][0]));
        var loss = runs.Sum(run => run["loss"][0]) / 4;
        var gradient = Enumerable.Range(0, X.Length).Select(i => runs.Sum(run => run["w_grad"][i]) / 4).ToArray();
        Check(x => Weighted([.. x, .. x], [.. batches.SelectMany(labels => labels)], [1, 1, 1, 1], 0), X, loss, gradient);
    }

    [Fact]
    public void Class_weights_of_another_number_are_refused()
    {
        var error = Assert.Throws<GradientException>(() => Build(Model(), Options(LossType.CrossEntropy) with { ClassWeights = [1, 2] }, true));
        Assert.Equal("There are 2 class weights for the 4 classes of output 'scores': give one number of 0 or more for each class.", error.Message);
    }

    private static LossOptions Options(LossType type) => new() { Type = type, Output = "scores", Labels = "labels" };

    private static OnnxModel Model() => new GraphSketch().Parameter("w", [Rows, Columns], X).Node("Identity", "w", "scores").Output("scores", Rows, Columns);

    private static TrainingGraph Build(OnnxModel model, LossOptions loss, bool fused) =>
        new TrainingGraphBuilder(new GradientOptions { FusedKernels = fused })
            .Build(model, Ort.Probe(model, new Dictionary<string, TensorProto>()), loss, ["w"]);

    private static (double Loss, double[] Gradient) Run(LossOptions loss, TensorProto labels, double[] x, OnnxModel? model = null)
    {
        model ??= Model();
        var shape = model.Graph.Initializer[0].Shape();
        var feed = new Dictionary<string, TensorProto> { ["w"] = Tensors.Of(TensorElementType.Float, shape, x), ["labels"] = labels };
        var evaluation = new TrainingGraphBuilder().BuildEvaluation(model, Ort.Probe(model, new Dictionary<string, TensorProto>()), loss, ["w"]);
        using var forward = Ort.Open(evaluation);
        using var session = Ort.Open(Build(model, loss, fused: true).Model);
        var results = Ort.Run(session, feed);
        Assert.Equal(results["loss"][0], Ort.Run(forward, feed)["loss"][0], 1e-4);
        return (results["loss"][0], results["w_grad"]);
    }

    private static void Check(Func<double[], double> formula, double[] x, double loss, double[] gradient)
    {
        Assert.Equal(formula(x), loss, 1e-5);
        for (var i = 0; i < x.Length; i++)
        {
            var (up, down) = ((double[])x.Clone(), (double[])x.Clone());
            (up[i], down[i]) = (x[i] + 1e-5, x[i] - 1e-5);
            Assert.Equal((formula(up) - formula(down)) / 2e-5, gradient[i], 1e-5);
        }
    }

    private static double Mean(double[] x, double[] y, Func<double, double, double> term) => x.Zip(y, term).Average();

    private static double HuberOf(double d, double delta) => Math.Abs(d) <= delta ? 0.5 * d * d : delta * (Math.Abs(d) - (0.5 * delta));

    private static double Binary(double x, double y, double weight) =>
        (weight * y * Math.Log(1 + Math.Exp(-x))) + ((1 - y) * Math.Log(1 + Math.Exp(x)));

    /// <summary>PyTorch's mean with weights: both parts are divided by the weights of the labels that count.</summary>
    private static double Weighted(double[] scores, long[] labels, double[] weights, double smoothing)
    {
        var classes = weights.Length;
        var (sum, divisor) = (0.0, 0.0);
        for (var row = 0; row < labels.Length; row++)
        {
            if (labels[row] < 0)
            {
                continue;
            }

            var part = scores.AsSpan(row * classes, classes).ToArray();
            var logSum = Math.Log(part.Sum(Math.Exp));
            sum += (1 - smoothing) * weights[labels[row]] * (logSum - part[labels[row]]);
            sum += smoothing / classes * part.Zip(weights, (score, weight) => weight * (logSum - score)).Sum();
            divisor += weights[labels[row]];
        }

        return sum / divisor;
    }
}
