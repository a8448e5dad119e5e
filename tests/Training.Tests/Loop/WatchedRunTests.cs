using System.Text.Json.Nodes;

namespace OrtZero.Training.Tests;

/// <summary>Training with <c>log.watch</c>.</summary>
public sealed class WatchedRunTests
{
    [Fact]
    public void A_line_tells_what_its_update_did_to_each_group()
    {
        // loss = mean(w * x) with x = 2: the gradient of w's two elements is 1 each, at a rate of 0.1.
        using var run = Product().With("log.watch_distance", "true");
        run.Train();

        Assert.Equal(8, run.Metrics.Count);
        var (first, second) = (run.Metrics[0], run.Metrics[1]);
        Assert.Equal(Math.Sqrt(2), Value(first, "group_grad_norm"), 1e-6);
        Assert.Equal(5, Value(first, "group_param_norm"), 1e-6);
        Assert.Equal(0.1 * Math.Sqrt(2) / 5, Value(first, "group_update_ratio"), 1e-6);
        Assert.Equal(0, Value(first, "group_zero_share"));
        Assert.Equal(0.1 * Math.Sqrt(2) / 5, Value(first, "group_distance"), 1e-6);
        Assert.Equal(0.2 * Math.Sqrt(2) / 5, Value(second, "group_distance"), 1e-6);
        Assert.Equal(Math.Sqrt((2.9 * 2.9) + (3.9 * 3.9)), Value(second, "group_param_norm"), 1e-6);
        Assert.Equal("default", Assert.Single(first["group_grad_norm"]!.AsObject()).Key);
        Assert.Contains("groups after iteration 1: default grad_norm 1.41e+0 param_norm 5.00e+0 update_ratio 2.83e-2 zero_share 0 distance 2.83e-2", run.Lines);
        Assert.Empty(run.Warnings);
    }

    [Fact]
    public void Only_the_last_update_before_a_line_is_measured()
    {
        // Updates end at 3, 6 and 8, lines at 4 and 8: the first is that of iteration 3.
        using var run = Product().With("log.interval", "4").With("optim_wrapper.accumulative_counts", "3");
        run.Train();

        Assert.Equal([5, Math.Sqrt((2.8 * 2.8) + (3.8 * 3.8))], run.Metrics.Select(line => Math.Round(Value(line, "group_param_norm"), 6)), new Near());
    }

    [Fact]
    public void It_can_be_switched_off()
    {
        using var run = Product().With("log.watch", "false");
        run.Train();

        Assert.All(run.Metrics, line => Assert.DoesNotContain("group_", line.ToJsonString(), StringComparison.Ordinal));
        Assert.DoesNotContain(run.Lines, line => line.StartsWith("groups after", StringComparison.Ordinal));
    }

    [Fact]
    public void A_group_whose_activations_are_always_zero_is_named()
    {
        using var run = Product("product").Parameter("dead.weight", [2], -1, -2).Parameter("dead.bias", [2], -1, -1)
            .Node("Mul", "scale", "scaled", "x", "dead.weight").Node("Add", "shift", "shifted", "scaled", "dead.bias")
            .Node("Relu", "activation", "active", "shifted").Node("Add", "join", "sum", "product", "active").MeanOf("sum")
            .With("optim_wrapper.paramwise_cfg", """{ "custom_keys": { "dead.": { "lr_mult": 0.5 } } }""");
        run.Train();

        Assert.StartsWith(
            "Group 'dead' gets no gradient: it is zero for all its 2 parameters, the first of which is dead.weight.", Assert.Single(run.Warnings), StringComparison.Ordinal);
        Assert.All(run.Metrics, line => Assert.Equal((0, 1), (Value(line, "group_grad_norm", "dead"), Value(line, "group_zero_share", "dead"))));
    }

    [Fact]
    public void A_group_that_explodes_is_named_before_and_when_its_gradient_is_no_number()
    {
        // d(w⁴)/dw = 4w³: a rate far too high for that grows beyond float32.
        using var run = new TinyRun([.. Enumerable.Repeat(1f, 16)]).Parameter("hot.weight", [1], 3).Parameter("cold.weight", [1], 1)
            .Node("Mul", "square", "squared", "hot.weight", "hot.weight").Node("Mul", "fourth", "power", "squared", "squared")
            .Node("Mul", "cold", "calm", "x", "cold.weight").Node("Add", "join", "sum", "power", "calm").MeanOf("sum")
            .With("optim_wrapper.paramwise_cfg", """{ "custom_keys": { "hot.": { "lr_mult": 10 } } }""");
        run.Train();

        Assert.Contains(run.Warnings, line => line.StartsWith("The gradient of group 'hot' is not finite: lower its lr, clip gradients", StringComparison.Ordinal));
        Assert.Contains(run.Warnings, line => line.EndsWith(
            "is not finite, in 1 of 2 parameters, such as hot.weight of group 'hot': the update is skipped and the parameters stay as they are.", StringComparison.Ordinal));
        Assert.DoesNotContain(run.Warnings, line => line.Contains("cold", StringComparison.Ordinal));
    }

    private static TinyRun Product(string? output = null)
    {
        var run = new TinyRun([.. Enumerable.Repeat(2f, 32)]).Parameter("weight", [2], 3, 4).Node("Mul", "product", output ?? "product", "x", "weight");
        return output is null ? run.MeanOf("product") : run;
    }

    private static double Value(JsonNode line, string key, string group = "default") => line[key]![group]!.GetValue<double>();

    private sealed class Near : IEqualityComparer<double>
    {
        public bool Equals(double x, double y) => Math.Abs(x - y) < 1e-5;

        public int GetHashCode(double obj) => 0;
    }
}
