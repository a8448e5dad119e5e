using OrtZero.Onnx;

namespace OrtZero.Autograd.Tests;

/// <summary>Inputs that are made up: shapes from symbols, integers from the tables they index.</summary>
public class RandomInputTests
{
    [Fact]
    public void Integers_stay_within_the_table_they_index_and_others_are_one()
    {
        var inputs = Inputs("zoo/bert", new RandomInputOptions());
        Assert.InRange(inputs["input_ids"].Tensor.ToInt64s().Max(), 2, 39);
        Assert.Contains("rows of 'word.weight'", inputs["input_ids"].Origin, StringComparison.Ordinal);
        Assert.InRange(inputs["token_type_ids"].Tensor.ToInt64s().Max(), 0, 1);
        Assert.All(inputs["attention_mask"].Tensor.ToInt64s(), value => Assert.Equal(1, value));
    }

    [Fact]
    public void Symbols_and_ranges_are_as_asked_for()
    {
        var model = new GraphSketch().Parameter("w", [5], 1, 2, 3, 4, 5).Node("Mul", "x w", "y").Output("y", 2, 5);
        model.Graph.Input.Add(ValueInfos.Create("x", TensorElementType.Float, "batch", "n", 5));
        var options = new RandomInputOptions
        {
            Dimensions = new Dictionary<string, long> { ["n"] = 3 },
            Ranges = new Dictionary<string, (double, double)> { ["x"] = (4, 5) },
        };
        var input = Assert.Single(RandomInputs.Create(model, options));
        Assert.Equal([2, 3, 5], input.Tensor.Shape());
        Assert.All(input.Tensor.ToSingles(), value => Assert.InRange(value, 4, 5));
    }

    [Fact]
    public void Names_that_the_model_does_not_have_are_errors()
    {
        var model = new GraphSketch().Parameter("w", [5], 1, 2, 3, 4, 5).Node("Mul", "x w", "y").Output("y", 2, 5);
        model.Graph.Input.Add(ValueInfos.Create("x", TensorElementType.Float, "batch", 5));
        var length = new RandomInputOptions { Dimensions = new Dictionary<string, long> { ["sequence"] = 3 } };
        Assert.Contains("open axes are batch", Assert.Throws<GradientException>(() => RandomInputs.Create(model, length)).Message, StringComparison.Ordinal);
        var range = new RandomInputOptions { Ranges = new Dictionary<string, (double, double)> { ["z"] = (0, 1) } };
        Assert.Contains("inputs are x", Assert.Throws<GradientException>(() => RandomInputs.Create(model, range)).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("moe", true)]
    [InlineData("llama_rope_gqa", true)]
    [InlineData("bert", false)]
    [InlineData("lstm", false)]
    public void Whole_models_agree(string name, bool isDouble)
    {
        var model = GoldenModel.Load("zoo", name, "model.onnx");
        var inputs = RandomInputs.Create(model.Model, new RandomInputOptions()).ToDictionary(input => input.Tensor.Name, input => input.Tensor, StringComparer.Ordinal);
        var report = GradientCheck.Run(Ort.Environment, model.Model, inputs, model.Trainable);
        Assert.All(report.Parameters, parameter => Assert.Null(parameter.Finding));
        Assert.True(report.Agrees);
        Assert.Equal(isDouble, report.IsDouble);
    }

    [Fact]
    public void The_report_on_operators_says_what_has_gradients_and_what_runs_it()
    {
        var model = new GraphSketch().Parameter("w", [4], 1, 2, 3, 4).Node("Floor", "w", "a").Node("Softplus", "w", "b").Node("Add", "a b", "c").Output("c", 4);
        var report = OperatorReport.Create(Ort.Environment, model, new Dictionary<string, Onnx.Protobuf.TensorProto>(), ["w"], ["CPU"]).ToDictionary(item => item.Operator);
        Assert.Equal(("none due", 0, false), (report["Floor"].Gradient, report["Floor"].Differentiated, report["Floor"].IsMissing));
        Assert.Equal(("rule", 1, false), (report["Softplus"].Gradient, report["Softplus"].Differentiated, report["Softplus"].IsMissing));
        Assert.Equal(1, report["Add"].Placements["CPU"]["CPU"]);
    }

    [Fact]
    public void An_operator_without_a_rule_is_missing_only_where_a_gradient_has_to_pass()
    {
        var model = new GraphSketch().Parameter("x", [1, 1, 2, 2], 1, 2, 3, 4).Parameter("z", [4], 1, 2, 3, 4).Constant("rois", [1, 4], 0, 0, 1, 1).Integers("batch", 0)
            .Node("RoiAlign", "x rois batch", "y").Node("Neg", "z", "other").Output("y", 1, 1, 1, 1);
        var nothing = new Dictionary<string, Onnx.Protobuf.TensorProto>();
        Assert.True(OperatorReport.Create(Ort.Environment, model, nothing, ["x"], ["CPU"]).Single(item => item.Operator == "RoiAlign").IsMissing);
        Assert.False(OperatorReport.Create(Ort.Environment, model, nothing, ["z"], ["CPU"]).Single(item => item.Operator == "RoiAlign").IsMissing);
    }

    private static Dictionary<string, RandomInput> Inputs(string fixture, RandomInputOptions options) =>
        RandomInputs.Create(OnnxModel.Load(RepositoryPaths.Fixture([.. fixture.Split('/'), "model.onnx"])), options)
            .ToDictionary(input => input.Tensor.Name, StringComparer.Ordinal);
}
