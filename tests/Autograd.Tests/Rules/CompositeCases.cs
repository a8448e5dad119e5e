using OrtZero.Kernels;
using OrtZero.Onnx;

namespace OrtZero.Autograd.Tests;

/// <summary>Cases of CompositeNormalizationRules, SpatialRules, MicrosoftRules and LossRules.</summary>
internal static class CompositeCases
{
    private const string Microsoft = "com.microsoft";

    public static IEnumerable<(string Name, Func<OperatorCase> Make)> All()
    {
        yield return ("InstanceNormalization", () => new OperatorCase("InstanceNormalization").Single().Real(2, 2, 3, 2).Real(2).Real(2));
        yield return ("GroupNormalization per group", () =>
            new OperatorCase("GroupNormalization", 18).Single().Real(2, 4, 3).Real(2).Real(2).With(node => node.SetInt("num_groups", 2)));
        yield return ("GroupNormalization per channel", () =>
            new OperatorCase("GroupNormalization", 21).Single().Real(2, 4, 3).Real(4).Real(4).With(node => node.SetInt("num_groups", 2)));
        yield return ("MeanVarianceNormalization", () => new OperatorCase("MeanVarianceNormalization").Single().Real(2, 2, 3, 2));
        yield return ("LpNormalization", () => new OperatorCase("LpNormalization").Real(2, 3));
        yield return ("LpNormalization of p 1", () => new OperatorCase("LpNormalization").Real(2, 3).With(node => node.SetInt("p", 1).SetInt("axis", 0)));
        yield return ("LRN", () => new OperatorCase("LRN").Single().Real(1, 5, 2, 2).With(node => node.SetInt("size", 3).SetFloat("alpha", 0.4f)));
        yield return ("RMSNormalization", () => new OperatorCase("RMSNormalization", 23).Single().Real(3, 4).Real(4));
        yield return ("RMSNormalization over two axes", () =>
            new OperatorCase("RMSNormalization", 23).Single().Real(2, 3, 2).Real(3, 2).With(node => node.SetInt("axis", 1)));
        yield return ("RmsNormalization of this project", () => new OperatorCase("RmsNormalization", 17, KernelLibrary.Domain).Single().Real(3, 4).Real(4).WithOutputs(2));
        yield return ("SimplifiedLayerNormalization", () => new OperatorCase("SimplifiedLayerNormalization").Single().Real(3, 4).Real(4));
        yield return ("SimplifiedLayerNormalization with its deviation", () =>
            new OperatorCase("SimplifiedLayerNormalization").Single().Real(3, 4).Real(4).WithOutputs(2));
        yield return ("SkipLayerNormalization with its sum", () => new OperatorCase("SkipLayerNormalization", 17, Microsoft).Single()
            .Real(2, 3, 4).Real(2, 3, 4).Real(4).Real(4).Real(4).WithSparseOutputs(0, 3));
        yield return ("SkipSimplifiedLayerNormalization with its sum", () => new OperatorCase("SkipSimplifiedLayerNormalization", 17, Microsoft).Single()
            .Real(2, 3, 4).Real(2, 3, 4).Real(4).WithSparseOutputs(0, 3));
        yield return ("SkipLayerNormalization with its statistics", () => new OperatorCase("SkipLayerNormalization", 17, Microsoft).Single()
            .Real(2, 3, 4).Real(2, 3, 4).Real(4).Real(4).Real(4).WithOutputs(4));
        yield return ("SkipSimplifiedLayerNormalization with its deviation", () => new OperatorCase("SkipSimplifiedLayerNormalization", 17, Microsoft).Single()
            .Real(2, 3, 4).Real(2, 3, 4).Real(4).WithSparseOutputs(0, 2, 3));
        yield return ("SkipLayerNormalization", () => new OperatorCase("SkipLayerNormalization", 17, Microsoft).Single()
            .Real(2, 3, 4).Real(2, 3, 4).Real(4).Real(4).Real(4));
        yield return ("SkipSimplifiedLayerNormalization", () => new OperatorCase("SkipSimplifiedLayerNormalization", 17, Microsoft).Single()
            .Real(2, 3, 4).Real(2, 3, 4).Real(4));
        yield return ("EmbedLayerNormalization", () => new OperatorCase("EmbedLayerNormalization", 17, Microsoft).Single()
            .Numbers(TensorElementType.Int32, [0, 2, 1, 1, 0, 2], 2, 3).Numbers(TensorElementType.Int32, [0, 1, 1, 0, 0, 1], 2, 3)
            .Real(3, 4).Real(3, 4).Real(2, 4).Real(4).Real(4).WithUnusedOutputs(1));
        yield return ("BiasGelu", () => new OperatorCase("BiasGelu", 17, Microsoft).Single().Real(3, 4).Real(4));
        yield return ("FastGelu", () => new OperatorCase("FastGelu", 17, Microsoft).Single().Real(3, 4).Real(4));
        yield return ("FastGelu without bias", () => new OperatorCase("FastGelu", 17, Microsoft).Single().Real(3, 4));
        yield return ("QuickGelu", () => new OperatorCase("QuickGelu", 17, Microsoft).Single().Real(3, 4));
        yield return ("FusedMatMul", () => new OperatorCase("FusedMatMul", 17, Microsoft).Single().Real(2, 3, 2).Real(2, 4, 3)
            .With(node => node.SetInt("transA", 1).SetInt("transB", 1).SetFloat("alpha", 0.5f)));
        yield return ("FusedMatMul with transposed batches", () => new OperatorCase("FusedMatMul", 17, Microsoft).Single().Real(3, 2, 4).Real(4, 2, 2)
            .With(node => node.SetInt("transBatchA", 1).SetInt("transBatchB", 1)));
        yield return ("FusedMatMul with everything transposed", () => new OperatorCase("FusedMatMul", 17, Microsoft).Single().Real(4, 2, 3).Real(2, 2, 4)
            .With(node => node.SetInt("transBatchA", 1).SetInt("transBatchB", 1).SetInt("transA", 1).SetInt("transB", 1).SetFloat("alpha", 0.5f)));
        yield return ("FusedMatMul of a vector", () => new OperatorCase("FusedMatMul", 17, Microsoft).Single().Real(3).Real(2, 3, 4)
            .With(node => node.SetFloat("alpha", 0.5f)));
        yield return ("MatMulNBits", () => new OperatorCase("MatMulNBits", 17, Microsoft).Single().Real(2, 32)
            .Numbers(TensorElementType.UInt8, [.. Enumerable.Range(0, 48).Select(i => (double)(i * 37 % 256))], 3, 1, 16).FixedReal([0.1, 0.2, 0.15], 3)
            .With(node => node.SetInt("K", 32).SetInt("N", 3).SetInt("bits", 4).SetInt("block_size", 32)));
        yield return ("MatMulNBits with bias and accuracy level", () => new OperatorCase("MatMulNBits", 17, Microsoft).Single().Real(1, 2, 16)
            .Numbers(TensorElementType.UInt8, [.. Enumerable.Range(0, 32).Select(i => (double)(i * 37 % 256))], 4, 1, 8).FixedReal([0.1, 0.2, 0.15, 0.3], 4)
            .Missing().Missing().Real(4)
            .With(node => node.SetInt("K", 16).SetInt("N", 4).SetInt("bits", 4).SetInt("block_size", 16).SetInt("accuracy_level", 1)));
        yield return ("MatMulBnb4", () => new OperatorCase("MatMulBnb4", 17, Microsoft).Single().Real(2, 16)
            .Numbers(TensorElementType.UInt8, [.. Enumerable.Range(0, 32).Select(i => (double)(i * 37 % 256))], 32).FixedReal([0.5, 0.7, 0.6, 0.9], 4)
            .With(node => node.SetInt("K", 16).SetInt("N", 4).SetInt("block_size", 16).SetInt("quant_type", 1)));
        foreach (var mode in new[] { "DCR", "CRD" })
        {
            yield return ($"DepthToSpace {mode}", () => new OperatorCase("DepthToSpace").Real(1, 8, 2, 3).With(node => node.SetInt("blocksize", 2).SetString("mode", mode)));
        }

        yield return ("SpaceToDepth", () => new OperatorCase("SpaceToDepth").Real(1, 2, 4, 6).With(node => node.SetInt("blocksize", 2)));
        foreach (var padding in new[] { "zeros", "border", "reflection" })
        {
            foreach (var aligned in new[] { 0, 1 })
            {
                foreach (var mode in new[] { "linear", "cubic", "nearest" })
                {
                    yield return ($"GridSample {mode} {padding} {aligned}", () => Sample(mode, padding, aligned));
                }
            }
        }

        foreach (var (mode, padding, aligned) in new[] { ("linear", "zeros", 0), ("linear", "reflection", 1), ("nearest", "border", 0) })
        {
            yield return ($"GridSample {mode} {padding} {aligned} of a volume", () => SampleVolume(mode, padding, aligned));
        }

        foreach (var reduction in new[] { "mean", "sum", "none" })
        {
            yield return ($"SoftmaxCrossEntropyLoss {reduction}", () => new OperatorCase("SoftmaxCrossEntropyLoss").Single().Real(3, 4)
                .IntegerTensor([1, 3, 0], 3).With(node => node.SetString("reduction", reduction)));
        }

        yield return ("SoftmaxCrossEntropyLoss with everything", () => new OperatorCase("SoftmaxCrossEntropyLoss").Single().Real(2, 3, 2)
            .IntegerTensor([1, 2, 0, -1], 2, 2).FixedReal([0.5, 1.5, 0.8], 3).With(node => node.SetInt("ignore_index", -1)).WithOutputs(2));
        yield return ("NegativeLogLikelihoodLoss", () => new OperatorCase("NegativeLogLikelihoodLoss").Single().Real(3, 4)
            .IntegerTensor([1, 3, 0], 3).FixedReal([0.5, 1.5, 0.8, 1.2], 4));
    }

    private static OperatorCase SampleVolume(string mode, string padding, int aligned)
    {
        double[] points = [-0.62, -0.41, 0.13, 0.34, 0.87, -0.22, -1.23, 0.64, 0.29, 1.31, 0.58, 0.77];
        var test = new OperatorCase("GridSample", 20).Single().Real(1, 2, 3, 4, 5);
        test = mode == "nearest" ? test.FixedReal(points, 1, 1, 2, 2, 3) : test.RealValues(points, 1, 1, 2, 2, 3);
        return test.SmallSteps().With(node => node.SetString("mode", mode).SetString("padding_mode", padding).SetInt("align_corners", aligned));
    }

    /// <summary>Points of which some lie outside; none so near a pixel's edge that a difference would step over it.</summary>
    private static OperatorCase Sample(string mode, string padding, int aligned)
    {
        double[] points = [-0.62, -0.41, 0.13, 0.34, 0.87, -0.22, -1.23, 0.64, 0.29, 1.31, 0.58, 0.77];
        var test = new OperatorCase("GridSample", 20).Single().Real(1, 2, 4, 5);
        test = mode == "nearest" ? test.FixedReal(points, 1, 2, 3, 2) : test.RealValues(points, 1, 2, 3, 2);
        return test.SmallSteps().With(node => node.SetString("mode", mode).SetString("padding_mode", padding).SetInt("align_corners", aligned));
    }
}
