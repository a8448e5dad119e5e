using OrtZero.Onnx.Protobuf;

namespace OrtZero.Autograd.Tests.Passes;

/// <summary>What is not trained costs nothing in the backward pass.</summary>
public sealed class FreezingTests
{
    private readonly GoldenModel _golden = GoldenModel.Load("vlm", "vlm.onnx");

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Nothing_is_written_for_what_lies_before_the_first_trained_parameter(bool fused)
    {
        var all = Build(fused, _ => true);
        var part = Build(fused, name => !name.StartsWith("visual_encoder.", StringComparison.Ordinal));

        Assert.InRange(all.Model.Graph.Node.Count(IsVisionGradient), 40, int.MaxValue);
        Assert.DoesNotContain(part.Model.Graph.Node, IsVisionGradient);
        Assert.Equal(part.Parameters.Count + 1, part.Model.Graph.Output.Count);
        Assert.DoesNotContain(part.Model.Graph.Output, output => output.Name.StartsWith("visual_encoder.", StringComparison.Ordinal));

        // The forward pass is whole, and of the backward pass nothing else is gone or new.
        var (allNodes, partNodes) = (Count(all, node => !IsGradient(node)), Count(part, node => !IsGradient(node)));
        Assert.Equal(allNodes, partNodes);
        var projector = Count(all, node => IsGradient(node) && !IsVisionGradient(node)) - Count(part, IsGradient);
        // The projector's first product no longer hands a gradient on to the encoder.
        Assert.InRange(projector, 1, 3);
    }

    [Fact]
    public void A_frozen_parameter_behind_trained_ones_costs_no_gradient_of_its_own()
    {
        const string Head = "language_model.lm_head.weight";
        var all = Build(fused: true, _ => true);
        var part = Build(fused: true, name => name != Head);

        Assert.DoesNotContain(part.Parameters, parameter => parameter.Name == Head);
        Assert.DoesNotContain(part.Model.Graph.Output, output => output.Name.StartsWith(Head, StringComparison.Ordinal));
        // One product less: that of the head's inputs with the gradient of the scores.
        Assert.Equal(Products(all) - 1, Products(part));

        static int Products(TrainingGraph graph) => Count(graph, node => IsGradient(node) && node.OpType is "Gemm" or "MatMul" or "FusedMatMul");
    }

    private static bool IsGradient(NodeProto node) => node.Name.Contains("_grad", StringComparison.Ordinal);

    private static bool IsVisionGradient(NodeProto node) =>
        IsGradient(node) && (node.Name.StartsWith("/visual_encoder", StringComparison.Ordinal) || node.Name.StartsWith("visual_encoder.", StringComparison.Ordinal));

    private static int Count(TrainingGraph graph, Func<NodeProto, bool> isCounted) => graph.Model.Graph.Node.Count(isCounted);

    private TrainingGraph Build(bool fused, Func<string, bool> isTrained)
    {
        (string Name, string File)[] fields = [("image", "image.npy"), ("input_ids", "input_ids.npy"), ("labels", "labels.npy")];
        var batch = _golden.Batch(0, [.. fields.Select(field => (field.Name, RepositoryPaths.Fixture("vlm", "golden", field.File)))]);
        return _golden.Build(batch, fused, [.. _golden.Trainable.Where(isTrained)]);
    }
}
