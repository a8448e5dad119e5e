using OrtZero.Onnx;

namespace OrtZero.Autograd.Tests;

/// <summary>Cases of MatrixRules, NormalizationRules and ConvolutionRules.</summary>
internal static class LayerCases
{
    public static IEnumerable<(string Name, Func<OperatorCase> Make)> All()
    {
        (long[] A, long[] B)[] products =
        [
            ([2, 3], [3, 4]), ([3], [3]), ([3], [3, 2]), ([2, 3], [3]), ([2, 4, 3], [3, 2]), ([2, 4, 3], [3]), ([3], [2, 3, 4]), ([4, 3], [2, 3, 2]),
            ([2, 2, 3], [2, 3, 2]), ([2, 1, 2, 3], [3, 3, 2]), ([2, 2, 3], [1, 3, 2]), ([1, 2, 3], [2, 3, 2]), ([2, 3, 2, 3], [2, 1, 3, 2]),
        ];
        foreach (var (a, b) in products)
        {
            yield return ($"MatMul of [{string.Join(' ', a)}] and [{string.Join(' ', b)}]", () => new OperatorCase("MatMul").Real(a).Real(b));
        }

        foreach (var (transposeA, transposeB) in new[] { (0, 0), (0, 1), (1, 0), (1, 1) })
        {
            yield return ($"Gemm {transposeA}{transposeB}", () => new OperatorCase("Gemm")
                .Real(transposeA == 0 ? [2, 3] : [3, 2]).Real(transposeB == 0 ? [3, 4] : [4, 3]).Real(4)
                .With(node => node.SetInt("transA", transposeA).SetInt("transB", transposeB).SetFloat("alpha", 0.75f).SetFloat("beta", 1.5f)));
        }

        yield return ("Gemm without C", () => new OperatorCase("Gemm").Real(2, 3).Real(3, 4));
        yield return ("Gemm with C of one column", () => new OperatorCase("Gemm").Real(2, 3).Real(3, 4).Real(2, 1));
        yield return ("Gemm with a scalar C", () => new OperatorCase("Gemm").Real(2, 3).Real(3, 4).Real());
        yield return ("LayerNormalization", () => new OperatorCase("LayerNormalization").Single().Real(2, 3, 4).Real(4).Real(4));
        yield return ("LayerNormalization over two axes", () =>
            new OperatorCase("LayerNormalization").Single().Real(2, 3, 2).Real(3, 2).Real(3, 2).With(node => node.SetInt("axis", 1)));
        yield return ("LayerNormalization without bias", () => new OperatorCase("LayerNormalization").Single().Real(3, 4).Real(4));
        yield return ("BatchNormalization", () => new OperatorCase("BatchNormalization").Real(2, 3, 2, 2).Real(3).Real(3)
            .FixedReal([0.1, -0.2, 0.3], 3).FixedReal([0.5, 1.5, 0.9], 3));
        yield return ("BatchNormalization of two axes", () => new OperatorCase("BatchNormalization").Real(4, 3).Real(3).Real(3)
            .FixedReal([0.1, -0.2, 0.3], 3).FixedReal([0.5, 1.5, 0.9], 3));
        yield return ("LayerNormalization with its statistics as outputs", () =>
            new OperatorCase("LayerNormalization").Single().Real(3, 4).Real(4).Real(4).WithOutputs(3));
        foreach (var shape in new long[][] { [4, 3, 2, 2], [5, 3], [3, 3, 4] })
        {
            yield return ($"BatchNormalization in training mode of {shape.Length} axes", () => new OperatorCase("BatchNormalization").InTraining()
                .Real(shape).Real(3).Real(3).FixedReal([0.1, -0.2, 0.3], 3).FixedReal([0.5, 1.5, 0.9], 3).WithUnusedOutputs(2)
                .With(node => node.SetInt("training_mode", 1).SetFloat("momentum", 0.8f)));
        }

        yield return ("Conv", () => Conv([2, 2, 5, 4], [3, 2, 3, 2]));
        yield return ("Conv with everything", () => Conv([2, 4, 7, 6], [6, 2, 3, 2], 2, [2, 3], [2, 1], [1, 0, 2, 1]));
        yield return ("Conv that is depthwise", () => Conv([2, 3, 4, 4], [3, 1, 3, 3], 3, null, null, [1, 1, 1, 1]));
        yield return ("Conv in patches", () => Conv([2, 2, 6, 4], [3, 2, 3, 2], 1, [3, 2]));
        yield return ("Conv in patches with a rest", () => Conv([2, 2, 7, 5], [3, 2, 3, 2], 1, [3, 2]));
        yield return ("Conv of one point", () => Conv([2, 3, 3, 2], [4, 3, 1, 1]));
        yield return ("Conv of one point with stride", () => Conv([2, 3, 4, 4], [4, 3, 1, 1], 1, [2, 2]));
        yield return ("Conv of one axis", () => Conv([2, 2, 7], [3, 2, 3], 1, [2], [2], [1, 2]));
        yield return ("Conv of three axes", () => Conv([1, 2, 4, 3, 3], [2, 2, 2, 2, 2], 1, null, null, [1, 0, 0, 0, 1, 0]));
        yield return ("Conv with automatic padding", () => Conv([2, 2, 5, 4], [3, 2, 3, 2], 1, [2, 2], null, null, "SAME_UPPER"));
        yield return ("Conv with padding before", () => Conv([2, 2, 5, 4], [3, 2, 3, 2], 1, [2, 1], null, null, "SAME_LOWER"));
    }

    private static OperatorCase Conv(
        long[] input, long[] weight, long group = 1, long[]? strides = null, long[]? dilations = null, long[]? pads = null, string? automatic = null)
    {
        var test = new OperatorCase("Conv").Single().Real(input).Real(weight).Real(weight[0]);
        var node = test.Node;
        node.SetInt("group", group);
        if (strides is not null)
        {
            node.SetInts("strides", strides);
        }

        if (dilations is not null)
        {
            node.SetInts("dilations", dilations);
        }

        if (pads is not null)
        {
            node.SetInts("pads", pads);
        }

        if (automatic is not null)
        {
            node.SetString("auto_pad", automatic);
        }

        return test;
    }
}
