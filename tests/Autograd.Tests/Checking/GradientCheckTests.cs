using OrtZero.Autograd.Internal;
using OrtZero.Onnx;
using OrtZero.Onnx.Protobuf;

namespace OrtZero.Autograd.Tests;

/// <summary>The comparison itself: it finds what is wrong, and lets be what is only at a kink or without influence.</summary>
public class GradientCheckTests
{
    private static readonly Dictionary<string, TensorProto> s_nothing = new(StringComparer.Ordinal);

    [Fact]
    public void A_right_gradient_agrees_in_float64_and_in_float32()
    {
        var report = Run(Product(), "a", "b");
        Assert.True(report.Agrees);
        Assert.True(report.IsDouble);
        Assert.All(report.Parameters, parameter => Assert.True(parameter.Deviation < 1e-8 && parameter.SingleDeviation < 1e-5 && parameter.Probes > 1));
    }

    [Theory]
    [InlineData(1.00001)]
    [InlineData(0.5)]
    [InlineData(-1)]
    [InlineData(0)]
    [InlineData(double.NaN)]
    public void A_wrong_gradient_is_found(double factor)
    {
        using var checkedModel = Prepare(DoublePrecision.Convert(Product()));
        var comparison = new SlopeComparison(checkedModel.Function, isDouble: true, 1e-6);
        var right = checkedModel.Gradients["a"];
        Assert.Null(comparison.Compare("a", right, 3, new Random(1), 1).Finding);
        Assert.NotNull(comparison.Compare("a", [.. right.Select(value => value * factor)], 3, new Random(1), 1).Finding);
    }

    [Fact]
    public void One_wrong_element_of_many_is_found_by_the_random_direction()
    {
        using var checkedModel = Prepare(DoublePrecision.Convert(Product()));
        var comparison = new SlopeComparison(checkedModel.Function, isDouble: true, 1e-6);
        var wrong = checkedModel.Gradients["a"].ToArray();
        wrong[4] += 0.01;
        Assert.Contains("random direction", comparison.Compare("a", wrong, 0, new Random(1), 1).Finding, StringComparison.Ordinal);
    }

    [Fact]
    public void A_wrong_gradient_in_float32_is_found()
    {
        using var checkedModel = Prepare(Product());
        var comparison = new SlopeComparison(checkedModel.Function, isDouble: false, 5e-3);
        var right = checkedModel.Gradients["a"];
        Assert.Null(comparison.Compare("a", right, 3, new Random(1), 1).Finding);
        Assert.NotNull(comparison.Compare("a", [.. right.Select(value => value * 1.05)], 3, new Random(1), 1).Finding);
    }

    [Fact]
    public void At_a_kink_any_slope_between_those_to_both_sides_agrees()
    {
        var model = new GraphSketch().Parameter("a", [3], 0, 0, 0).Node("Relu", "a", "y").Output("y", 3);
        var report = Run(model, "a");
        Assert.True(report.Agrees);
        Assert.True(report.Parameters[0].Kinks > 0);
    }

    [Fact]
    public void A_slope_beyond_both_sides_of_a_kink_is_wrong()
    {
        using var checkedModel = Prepare(DoublePrecision.Convert(new GraphSketch().Parameter("a", [2], 0, 0).Node("Relu", "a", "y").Output("y", 2)));
        var comparison = new SlopeComparison(checkedModel.Function, isDouble: true, 1e-6);
        Assert.NotNull(comparison.Compare("a", [9, -9], 2, new Random(1), 1).Finding);
    }

    [Fact]
    public void A_parameter_behind_a_staircase_has_no_gradient_and_needs_none()
    {
        var model = new GraphSketch().Parameter("a", [3], 0.3, 1.4, -0.7).Parameter("b", [3], 1, 2, 3)
            .Node("Floor", "a", "steps").Node("Mul", "steps b", "y").Output("y", 3);
        var report = Run(model, "a", "b");
        Assert.True(report.Agrees);
        Assert.Equal([false, true], report.Parameters.Select(parameter => parameter.IsReached));
    }

    [Fact]
    public void What_has_no_float64_kernel_is_compared_in_float32_and_the_report_says_why()
    {
        var model = new GraphSketch().Parameter("x", [1, 2, 4, 4], Tensors.Spread(32, -1, 1, 3)).Parameter("w", [2, 2, 3, 3], Tensors.Spread(36, -1, 1, 4))
            .Node("Conv", "x w", "y").Output("y", 1, 2, 2, 2);
        var report = Run(model, "x", "w");
        Assert.True(report.Agrees);
        Assert.False(report.IsDouble);
        Assert.Contains("Conv", report.SingleReason, StringComparison.Ordinal);
    }

    [Fact]
    public void Outputs_that_are_not_finite_are_an_error()
    {
        var model = new GraphSketch().Parameter("a", [2], -1, 2).Node("Log", "a", "y").Output("y", 2);
        Assert.Contains("not all finite", Assert.Throws<GradientException>(() => Run(model, "a")).Message, StringComparison.Ordinal);
    }

    private static OnnxModel Product() => new GraphSketch().Parameter("a", [2, 3], Tensors.Spread(6, -1, 1, 5)).Parameter("b", [3, 4], Tensors.Spread(12, -1, 1, 6))
        .Node("MatMul", "a b", "c").Node("Tanh", "c", "y").Output("y", 2, 4);

    private static GradientCheckReport Run(OnnxModel model, params string[] parameters) => GradientCheck.Run(Ort.Environment, model, s_nothing, parameters);

    private static CheckedModel Prepare(OnnxModel model) => CheckedModel.Prepare(
        Ort.Environment, Ort.Kernels, model, s_nothing, [.. model.Graph.Initializer.Select(tensor => tensor.Name)], new GradientCheckOptions(),
        new GradientOptions { FusedKernels = false });
}
