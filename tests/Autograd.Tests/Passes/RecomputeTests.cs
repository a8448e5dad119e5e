using OrtZero.Runtime;
using OrtZero.Onnx.Protobuf;

namespace OrtZero.Autograd.Tests.Passes;

/// <summary>Recomputation changes neither loss nor gradients, and activations take less.</summary>
public sealed class RecomputeTests
{
    public static TheoryData<string, string[], long, bool> Cases => new()
    {
        { "gpt_nano", ["/blocks.*/"], 0, true },
        { "gpt_nano", ["/blocks.*/"], 0, false },
        { "gpt_nano", ["blocks.*."], 0, true },
        { "gpt_nano", [], 40 << 20, true },
        { "gpt_nano", [], 1, true },
        { "gpt_nano", [], 1, false },
        { "vlm", ["/layers.*/", "/visual_encoder/"], 0, true },
        { "vlm", [], 1, true },
    };

    [Theory]
    [MemberData(nameof(Cases))]
    public void Gradients_are_the_same_to_the_last_bit(string model, string[] layers, long budget, bool fused)
    {
        var golden = GoldenModel.Load(model, $"{model}.onnx");
        var batch = Batch(golden, model);
        var plain = golden.Build(batch, fused);
        var options = new RecomputeOptions { Layers = layers, MemoryBudget = budget > 0 ? budget : null };

        var (graph, report) = Recompute.Apply(plain, options, new GradientOptions { FusedKernels = fused });

        Assert.True(report.PeakBytesAfter < 0.9 * report.PeakBytesBefore, $"{report}");
        Assert.True(budget < 2 || report.IsBudgetMet, $"{report}");
        using var before = Ort.Open(plain.Model, GraphOptimizationLevel.None);
        using var after = Ort.Open(graph.Model, GraphOptimizationLevel.None);
        var expected = Ort.Run(before, golden.Feed(batch));
        var actual = Ort.Run(after, golden.Feed(batch));
        Assert.Equal(expected.Keys, actual.Keys);
        Assert.All(expected, pair => Assert.Equal(pair.Value, actual[pair.Key]));
    }

    [Fact]
    public void Nodes_written_for_a_provider_stay_in_the_pass_they_belong_to()
    {
        // WebGPU lacks some of its activations, for each of which several nodes stand in the forward pass.
        var golden = GoldenModel.Load("zoo", "activations", "model.onnx");
        var batch = golden.Batch(0, [.. new[] { "x", "labels" }.Select(field => (field, RepositoryPaths.Fixture("zoo", "activations", $"{field}.npy")))]);
        var gradients = new GradientOptions { FusedKernels = false, Target = OperatorTarget.WebGpu };
        var plain = new TrainingGraphBuilder(gradients).Build(
            golden.Model, golden.Values(batch), new LossOptions { Output = golden.Model.Graph.Output[0].Name, Labels = "labels" }, golden.Trainable);
        var (graph, _) = Recompute.Apply(plain, new RecomputeOptions { MemoryBudget = 1 }, gradients);
        using var before = Ort.Open(plain.Model, GraphOptimizationLevel.None);
        using var after = Ort.Open(graph.Model, GraphOptimizationLevel.None);
        var expected = Ort.Run(before, golden.Feed(batch));
        var actual = Ort.Run(after, golden.Feed(batch));
        Assert.All(expected, pair => Assert.Equal(pair.Value, actual[pair.Key]));
        Assert.Contains(graph.Model.Graph.Node, node => node.Name.EndsWith("/recomputed", StringComparison.Ordinal));
    }

    [Fact]
    public void What_is_recomputed_waits_for_a_gradient()
    {
        var golden = GoldenModel.Load("gpt_nano", "gpt_nano.onnx");
        var (graph, _) = Recompute.Apply(golden.Build(Batch(golden, "gpt_nano"), fused: true), new RecomputeOptions { Layers = ["/blocks.*/"] });
        var after = new HashSet<string>(StringComparer.Ordinal) { graph.LossName };
        foreach (var node in graph.Model.Graph.Node)
        {
            var waits = node.Input.Any(after.Contains) || node.Name.Contains("_grad", StringComparison.Ordinal);
            Assert.True(waits || !node.Name.EndsWith("/recomputed", StringComparison.Ordinal), node.Name);
            after.UnionWith(waits ? node.Output : []);
        }
    }

    [Fact]
    public void A_pattern_that_fits_nothing_is_answered_with_names()
    {
        var golden = GoldenModel.Load("gpt_nano", "gpt_nano.onnx");
        var plain = golden.Build(Batch(golden, "gpt_nano"), fused: true);
        var error = Assert.Throws<GradientException>(() => Recompute.Apply(plain, new RecomputeOptions { Layers = ["/layers.*/"] }));
        Assert.StartsWith("The recompute pattern '/layers.*/' is in the name of no node and no trained parameter: nodes have names like '/wte/Gather', ", error.Message, StringComparison.Ordinal);
    }

    private static Dictionary<string, TensorProto> Batch(GoldenModel golden, string model)
    {
        (string Name, string File)[] fields = model == "vlm"
            ? [("image", "image.npy"), ("input_ids", "input_ids.npy"), ("labels", "labels.npy")]
            : [("input_ids", "inputs.npy"), ("labels", "labels.npy")];
        return golden.Batch(0, [.. fields.Select(field => (field.Name, RepositoryPaths.Fixture(model, "golden", field.File)))]);
    }
}
