using System.Text.Json;

namespace OrtZero.EndToEnd;

/// <summary><c>rankworker gradcheck</c> as a user calls it.</summary>
public sealed class GradcheckTests
{
    private const int Failed = 1;
    private const int BadInput = 2;

    private static readonly string s_model = RepositoryPaths.Fixture("zoo", "moe", "model.onnx");

    [Fact]
    public void A_model_whose_gradients_agree_ends_well()
    {
        using var run = Gradcheck(s_model);
        run.Expect(0);
        Assert.Contains("finite differences in float64", run.Output, StringComparison.Ordinal);
        Assert.Contains("the gradients of all 7 parameters agree", run.Output, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("vlm", "vlm.onnx")]
    [InlineData("zoo", "cnn_bn", "model.onnx")]
    [InlineData("zoo", "unet", "model.onnx")]
    public void Models_of_operators_that_run_in_float32_only_are_compared_too(params string[] path)
    {
        using var run = Gradcheck(RepositoryPaths.Fixture(path), "--json");
        var json = JsonDocument.Parse(run.Expect(0).Output).RootElement;
        Assert.True(json.GetProperty("agrees").GetBoolean());
        Assert.All(json.GetProperty("parameters").EnumerateArray(), parameter => Assert.True(parameter.GetProperty("probes").GetInt32() > 0));
    }

    [Fact]
    public void A_limit_of_time_leaves_parameters_out_and_says_so()
    {
        using var run = Gradcheck(s_model, "--seconds", "1e-6");
        run.Expect(0);
        Assert.Contains("the gradients of 1 of 7 parameters, spread over the model, agree", run.Output, StringComparison.Ordinal);
        Assert.Contains("not compared", run.Output, StringComparison.Ordinal);
    }

    [Fact]
    public void A_difference_above_the_tolerance_is_said_of_each_parameter()
    {
        using var run = Gradcheck(s_model, "--tolerance", "1e-30");
        run.Expect(Failed);
        Assert.Contains("do not agree", run.Output, StringComparison.Ordinal);
        Assert.Contains("the finite difference", run.Output, StringComparison.Ordinal);
    }

    [Fact]
    public void The_report_lists_rules_and_providers()
    {
        using var run = Gradcheck(RepositoryPaths.Fixture("vlm", "vlm.onnx"), "--op-report", "--json");
        var operators = JsonDocument.Parse(run.Expect(0).Output).RootElement.GetProperty("operators").EnumerateArray()
            .ToDictionary(item => item.GetProperty("operator").GetString()!);
        Assert.Equal("rule", operators["Conv"].GetProperty("gradient").GetString());
        Assert.Equal(2, operators["Conv"].GetProperty("placements").GetProperty("CPU").GetProperty("CPU").GetInt32());
        Assert.Equal("none due", operators["Shape"].GetProperty("gradient").GetString());
    }

    [Fact]
    public void Mistakes_are_one_sentence()
    {
        using var length = Gradcheck(s_model, "--dim", "sequence");
        Assert.Contains("--dim sequence=16", length.Expect(BadInput).Error, StringComparison.Ordinal);
        using var symbol = Gradcheck(s_model, "--dim", "sequence=4");
        Assert.Contains("'sequence'", symbol.Expect(BadInput).Error, StringComparison.Ordinal);
        using var missing = Gradcheck("absent.onnx");
        Assert.Contains("absent.onnx", missing.Expect(BadInput).Error, StringComparison.Ordinal);
        using var range = Gradcheck(RepositoryPaths.Fixture("zoo", "bert", "model.onnx"), "--range", "input_ids=500:600");
        Assert.Contains("--range", range.Expect(BadInput).Error, StringComparison.Ordinal);
    }

    private static ProgramRun Gradcheck(params string[] arguments) => ProgramRun.RankWorker(1, ["gradcheck", .. arguments]);
}
