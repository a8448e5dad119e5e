using OrtZero.Onnx;
using OrtZero.Runtime;

namespace OrtZero.Kernels.Tests;

public class ActivationTests(KernelFixture fixture) : IClassFixture<KernelFixture>
{
    private const double Cubic = 0.044715;

    private static readonly double s_root = Math.Sqrt(2 / Math.PI);

    // Not a multiple of sixteen, and more than one chunk.
    private static readonly float[] s_grid = [.. Enumerable.Range(-12_000, 24_007).Select(i => i / 1024f)];

    private static readonly float[] s_slopes = Numbers.Normal(5, s_grid.Length);

    [Fact]
    public void Gelu_has_the_relative_accuracy_of_float32_even_in_its_tail()
    {
        var actual = Unary("Gelu", s_grid);
        for (var i = 0; i < s_grid.Length; i++)
        {
            var expected = s_grid[i] * NormalReference.Cumulative(s_grid[i]);
            Assert.InRange(Math.Abs(actual[i] - expected), 0, 4e-7 * Math.Abs(expected));
        }
    }

    [Fact]
    public void Gelu_equals_the_one_of_onnx_runtime_where_that_is_accurate()
    {
        var model = new OrtZero.Onnx.Protobuf.ModelProto { IrVersion = 10, Graph = new() { Name = "test" } };
        model.OpsetImport.Add(new OrtZero.Onnx.Protobuf.OperatorSetIdProto { Version = 20 });
        model.Graph.Input.Add(ValueInfos.Create("x", TensorElementType.Float, [s_grid.Length]));
        model.Graph.Output.Add(new OrtZero.Onnx.Protobuf.ValueInfoProto { Name = "y" });
        model.Graph.Node.Add(NodeFactory.Create("Gelu", ["x"], ["y"]));
        using var session = OrtSession.Open(fixture.Environment, new OnnxModel(model));
        using var x = OrtTensor.FromSingles(s_grid, s_grid.Length);
        using var y = session.Run(new Dictionary<string, OrtTensor> { ["x"] = x })[0];
        Numbers.Close(Array.ConvertAll(y.Span<float>().ToArray(), value => (double)value), Unary("Gelu", s_grid), 1e-6 / 12);
    }

    [Fact]
    public void Gelu_with_tanh_matches_its_formula()
    {
        var actual = Unary("Gelu", s_grid, "tanh");
        for (var i = 0; i < s_grid.Length; i++)
        {
            var x = (double)s_grid[i];
            var expected = x / (1 + Math.Exp(-2 * s_root * (x + (Cubic * x * x * x))));

            // The exponent is rounded: its size times half a unit is the relative error that float32 cannot avoid. In the far tail
            // the factor of x is subnormal, which x magnifies.
            var exponent = 2 * s_root * Math.Abs(x + (Cubic * x * x * x));
            Assert.InRange(Math.Abs(actual[i] - expected), 0, ((4e-7 + (2e-7 * exponent)) * Math.Abs(expected)) + (12 * float.Epsilon));
        }
    }

    [Fact]
    public void Gelu_gradient_matches_the_derivative()
    {
        var actual = Binary("GeluGrad", s_slopes, s_grid);
        for (var i = 0; i < s_grid.Length; i++)
        {
            var x = (double)s_grid[i];
            var expected = s_slopes[i] * (NormalReference.Cumulative(x) + (x * NormalReference.Density(x)));
            Assert.InRange(Math.Abs(actual[i] - expected), 0, 2.5e-7 * Math.Abs(s_slopes[i]));
        }
    }

    [Fact]
    public void Gelu_gradient_with_tanh_matches_the_derivative()
    {
        var actual = Binary("GeluGrad", s_slopes, s_grid, "tanh");
        for (var i = 0; i < s_grid.Length; i++)
        {
            var x = (double)s_grid[i];
            var t = Math.Tanh(s_root * (x + (Cubic * x * x * x)));
            var expected = s_slopes[i] * ((0.5 * (1 + t)) + (0.5 * x * (1 - (t * t)) * s_root * (1 + (3 * Cubic * x * x))));
            Assert.InRange(Math.Abs(actual[i] - expected), 0, 5e-7 * Math.Abs(s_slopes[i]));
        }
    }

    [Theory]
    [InlineData("Gelu", "none")]
    [InlineData("Gelu", "tanh")]
    [InlineData("Silu", null)]
    public void Values_that_are_not_finite_stay_visible(string name, string? approximate)
    {
        var actual = Unary(name, [float.NaN, float.PositiveInfinity, float.NegativeInfinity, 1e30f, -1e30f, 0, -0f], approximate);
        Assert.Equal([float.NaN, float.PositiveInfinity, float.NaN, 1e30f, 0, 0, 0], actual);
    }

    [Theory]
    [InlineData("GeluGrad", "none")]
    [InlineData("GeluGrad", "tanh")]
    [InlineData("SiluGrad", null)]
    public void Gradients_at_values_that_are_not_finite_are_not_finite(string name, string? approximate)
    {
        float[] x = [float.NaN, float.PositiveInfinity, float.NegativeInfinity, 1e30f, -1e30f, 0, 1];
        float[] slopes = [1, 1, 1, 1, 1, 1, float.NaN];
        var actual = Binary(name, slopes, x, approximate);
        Assert.Equal([float.NaN, float.NaN, float.NaN, 1, 0, 0.5f, float.NaN], actual);
    }

    [Fact]
    public void Silu_and_its_gradient_match_their_formulas()
    {
        var values = Unary("Silu", s_grid);
        var gradients = Binary("SiluGrad", s_slopes, s_grid);
        for (var i = 0; i < s_grid.Length; i++)
        {
            var (x, s) = ((double)s_grid[i], Sigmoid(s_grid[i]));
            Assert.InRange(Math.Abs(values[i] - (x * s)), 0, 4e-7 * Math.Abs(x * s));
            Assert.InRange(Math.Abs(gradients[i] - (s_slopes[i] * s * (1 + (x * (1 - s))))), 0, 3e-7 * Math.Abs(s_slopes[i]));
        }
    }

    [Fact]
    public void SwiGlu_and_its_gradient_match_their_formulas()
    {
        var up = Numbers.Normal(6, s_grid.Length);
        using var gates = OrtTensor.FromSingles(s_grid, s_grid.Length);
        using var ups = OrtTensor.FromSingles(up, s_grid.Length);
        using var slopes = OrtTensor.FromSingles(s_slopes, s_grid.Length);
        var values = fixture.Run("SwiGlu", [gates, ups])[0];
        var gradients = fixture.Run("SwiGluGrad", [slopes, gates, ups], outputs: 2);
        for (var i = 0; i < s_grid.Length; i++)
        {
            var (x, s) = ((double)s_grid[i], Sigmoid(s_grid[i]));
            var size = Math.Abs((double)s_slopes[i]);
            Assert.InRange(Math.Abs(values[i] - (x * s * up[i])), 0, 5e-7 * Math.Abs(x * s * up[i]));
            Assert.InRange(Math.Abs(gradients[0][i] - (s_slopes[i] * up[i] * s * (1 + (x * (1 - s))))), 0, 4e-7 * size * Math.Abs(up[i]));
            Assert.InRange(Math.Abs(gradients[1][i] - (s_slopes[i] * x * s)), 0, 5e-7 * size * Math.Abs(x * s));
        }
    }

    [Fact]
    public void An_unknown_approximation_is_refused_when_the_session_opens()
    {
        var error = Assert.Throws<OrtException>(() => Unary("Gelu", [1], "sigmoid"));
        Assert.Contains("Node 'the_node': approximate is \"sigmoid\", but must be \"none\" or \"tanh\".", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_gradient_of_another_length_is_refused()
    {
        var error = Assert.Throws<OrtException>(() => Binary("GeluGrad", [1, 2, 3], [1, 2]));
        Assert.Contains("GeluGrad: the first input has 3 elements, but the other inputs ask for 2", error.Message, StringComparison.Ordinal);
    }

    private static double Sigmoid(double x) => 1 / (1 + Math.Exp(-x));

    private float[] Unary(string name, float[] x, string? approximate = null)
    {
        using var input = OrtTensor.FromSingles(x, x.Length);
        return fixture.Run(name, [input], attributes: node => Approximate(node, approximate))[0];
    }

    private float[] Binary(string name, float[] dy, float[] x, string? approximate = null)
    {
        using var first = OrtTensor.FromSingles(dy, dy.Length);
        using var second = OrtTensor.FromSingles(x, x.Length);
        return fixture.Run(name, [first, second], attributes: node => Approximate(node, approximate))[0];
    }

    private static void Approximate(OrtZero.Onnx.Protobuf.NodeProto node, string? approximate)
    {
        if (approximate is not null)
        {
            node.SetString("approximate", approximate);
        }
    }
}
