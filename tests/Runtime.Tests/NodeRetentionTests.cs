using OrtZero.Onnx;

namespace OrtZero.Runtime.Tests;

/// <summary>Holds ONNX Runtime to what the remarks of <see cref="CustomOperator"/> promise about nodes that stay.</summary>
public sealed class NodeRetentionTests(RuntimeFixture runtime) : IClassFixture<RuntimeFixture>
{
    [Theory]
    [InlineData(GraphOptimizationLevel.None)]
    [InlineData(GraphOptimizationLevel.Basic)]
    [InlineData(GraphOptimizationLevel.Extended)]
    [InlineData(GraphOptimizationLevel.All)]
    public void Nodes_whose_results_nobody_uses_still_run(GraphOptimizationLevel level)
    {
        var calls = new Dictionary<string, int>();
        LambdaOperator Counting(string name) => new(name, (in KernelContext context) =>
        {
            calls[name] = calls.GetValueOrDefault(name) + 1;
            context.Output<float>(0, context.InputShape(0)).Clear();
        });
        var model = TestModels.Of(
            ["x"],
            ["y", "other"],
            TestModels.Custom("Unused", ["x"], ["unused"]),
            TestModels.Node("Neg", ["x"], ["negative"]),
            TestModels.Custom("UnusedLater", ["negative"], ["unused2"]),
            TestModels.Custom("NotAskedFor", ["x"], ["other"]),
            TestModels.Node("Add", ["x", "x"], ["y"]));
        using var session = CustomSessions.Open(runtime.Environment, model, [Counting("Unused"), Counting("UnusedLater"), Counting("NotAskedFor")], level: level);

        Assert.Equal([2f], CustomSessions.Run(session, [1]));

        Assert.Equal(1, calls.GetValueOrDefault("Unused"));
        Assert.Equal(1, calls.GetValueOrDefault("UnusedLater"));
        Assert.Equal(1, calls.GetValueOrDefault("NotAskedFor"));
    }

    [Theory]
    [InlineData(GraphOptimizationLevel.None)]
    [InlineData(GraphOptimizationLevel.Basic)]
    [InlineData(GraphOptimizationLevel.Extended)]
    [InlineData(GraphOptimizationLevel.All)]
    public void Equal_nodes_are_not_merged_and_nodes_of_constants_are_not_folded(GraphOptimizationLevel level)
    {
        var calls = new Dictionary<string, int>();
        LambdaOperator Counting(string name) => new(name, (in KernelContext context) =>
        {
            calls[name] = calls.GetValueOrDefault(name) + 1;
            context.Output<float>(0, context.InputShape(0)).Clear();
        });
        var model = TestModels.Of(
            ["x"],
            ["y", "a", "b"],
            TestModels.Custom("Folded", ["c"], ["folded"]),
            TestModels.Node("Add", ["x", "folded"], ["y"]),
            TestModels.Custom("Equal", ["x"], ["a0"]),
            TestModels.Custom("Equal", ["x"], ["b0"]),
            TestModels.Node("Neg", ["a0"], ["a"]),
            TestModels.Node("Abs", ["b0"], ["b"]));
        model.Graph.Initializer.Add(TensorFactory.FromSingles("c", [1], [1]));
        using var session = CustomSessions.Open(runtime.Environment, model, [Counting("Folded"), Counting("Equal")], level: level);
        Assert.Empty(calls);

        CustomSessions.Run(session, [1]);
        CustomSessions.Run(session, [1]);

        Assert.Equal(4, calls["Equal"]);
        Assert.Equal(2, calls["Folded"]);
    }
}
