using OrtZero.Onnx;
using OrtZero.Onnx.Protobuf;

namespace OrtZero.Autograd.Tests;

/// <summary>Cases of ConvTranspose, PoolingRules, ResizeRules and EinsumRules.</summary>
internal static class ImageCases
{
    public static IEnumerable<(string Name, Func<OperatorCase> Make)> All()
    {
        yield return ("ConvTranspose", () => Windowed("ConvTranspose", [2, 3, 3, 2], [3, 2, 3, 2], true));
        yield return ("ConvTranspose with everything", () => Windowed("ConvTranspose", [2, 4, 3, 4], [4, 3, 3, 2], true,
            node => node.SetInt("group", 2).SetInts("strides", 2, 3).SetInts("dilations", 2, 1).SetInts("pads", 1, 0, 2, 1).SetInts("output_padding", 1, 2)));
        yield return ("ConvTranspose with output shape", () => Windowed("ConvTranspose", [1, 2, 3, 3], [2, 2, 3, 3], true,
            node => node.SetInts("strides", 2, 2).SetInts("output_shape", 6, 5)));
        yield return ("ConvTranspose with automatic padding", () => Windowed("ConvTranspose", [1, 2, 3, 3], [2, 2, 3, 3], true,
            node => node.SetInts("strides", 2, 2).SetString("auto_pad", "SAME_UPPER")));
        foreach (var (name, write) in new (string, Action<NodeProto>)[]
        {
            ("", node => node.SetInts("kernel_shape", 2, 3)),
            (" with stride", node => node.SetInts("kernel_shape", 2, 2).SetInts("strides", 2, 2)),
            (" with pads", node => node.SetInts("kernel_shape", 3, 3).SetInts("strides", 2, 2).SetInts("pads", 1, 0, 1, 2)),
            (" rounded up with uneven pads", node => node.SetInts("kernel_shape", 3, 3).SetInts("strides", 2, 3).SetInts("pads", 0, 1, 2, 1).SetInt("ceil_mode", 1)),
            (" rounded up", node => node.SetInts("kernel_shape", 3, 2).SetInts("strides", 2, 2).SetInt("ceil_mode", 1)),
            (" with automatic padding", node => node.SetInts("kernel_shape", 3, 2).SetInts("strides", 2, 2).SetString("auto_pad", "SAME_UPPER")),
        })
        {
            yield return ($"MaxPool{name}", () => Windowed("MaxPool", [2, 2, 5, 6], null, false, write));
            yield return ($"AveragePool{name}", () => Windowed("AveragePool", [2, 2, 5, 6], null, true, write));
            yield return ($"LpPool{name}", () => new OperatorCase("LpPool", 18).Single().Real(1, 2, 5, 6).SmallSteps().With(write));
        }

        foreach (var power in new[] { 1, 3 })
        {
            yield return ($"LpPool of p {power}", () => new OperatorCase("LpPool", 18).Single().Real(1, 2, 4, 3).SmallSteps()
                .With(node => node.SetInts("kernel_shape", 2, 2).SetInt("p", power)));
        }

        yield return ("GlobalLpPool", () => new OperatorCase("GlobalLpPool").Single().Real(2, 2, 3, 4));

        yield return ("MaxPool with dilation", () => Windowed("MaxPool", [1, 2, 6, 6], null, false, node => node.SetInts("kernel_shape", 2, 3).SetInts("dilations", 2, 2)));
        yield return ("AveragePool that counts pads", () => Windowed("AveragePool", [1, 2, 5, 6], null, true,
            node => node.SetInts("kernel_shape", 3, 3).SetInts("strides", 2, 2).SetInts("pads", 1, 0, 1, 2).SetInt("count_include_pad", 1)));
        yield return ("AveragePool of one axis", () => Windowed("AveragePool", [1, 2, 7], null, true, node => node.SetInts("kernel_shape", 3)));
        yield return ("GlobalAveragePool", () => new OperatorCase("GlobalAveragePool").Single().Real(2, 2, 3, 4));
        yield return ("GlobalMaxPool", () => new OperatorCase("GlobalMaxPool").Single().RealBetween(-9, 11, 2, 2, 3, 4));
        foreach (var (mode, transformation) in new[]
        {
            ("nearest", "asymmetric"), ("nearest", "half_pixel"), ("linear", "half_pixel"), ("linear", "align_corners"), ("cubic", "half_pixel"),
        })
        {
            yield return ($"Resize {mode} {transformation}", () => Resize([1, 1, 1.5, 2], mode, transformation));
            yield return ($"Resize {mode} {transformation} smaller", () => Resize([1, 1, 0.6, 1], mode, transformation));
        }

        yield return ("Resize to a size", () => new OperatorCase("Resize").Single().Real(1, 2, 3, 4).Missing().Missing().Integers(1, 2, 5, 7)
            .With(node => node.SetString("mode", "linear")));
        foreach (var (policy, mode) in new[] { ("not_larger", "linear"), ("not_smaller", "linear"), ("not_larger", "cubic"), ("not_smaller", "nearest") })
        {
            yield return ($"Resize {policy} {mode}", () => new OperatorCase("Resize", 18).Single().Real(1, 2, 3, 4).Missing().Missing().Integers(7, 7)
                .With(node => node.SetInts("axes", 2, 3).SetString("mode", mode).SetString("keep_aspect_ratio_policy", policy)));
        }

        yield return ("Resize with antialias along one axis", () => new OperatorCase("Resize", 18).Single().Real(1, 1, 4, 7).Missing().Missing().Integers(4, 3)
            .With(node => node.SetInts("axes", 2, 3).SetString("mode", "linear").SetInt("antialias", 1)));
        (string Equation, long[] A, long[] B)[] equations =
        [
            ("bd,edf->ebf", [2, 3], [2, 3, 4]), ("ij,jk->ik", [2, 3], [3, 2]), ("ij,kj", [2, 3], [4, 3]), ("bij,bj->b", [2, 3, 2], [2, 2]),
            ("...ij,...jk->...ik", [2, 2, 3], [2, 3, 2]), ("i,j->ij", [3], [2]), ("ij,k->i", [2, 3], [4]),
        ];
        foreach (var (equation, a, b) in equations)
        {
            yield return ($"Einsum {equation}", () => new OperatorCase("Einsum").Real(a).Real(b).With(node => node.SetString("equation", equation)));
        }

        yield return ("Einsum of one operand", () => new OperatorCase("Einsum").Real(2, 3, 2).With(node => node.SetString("equation", "ijk->ki")));
        yield return ("Einsum of three operands", () =>
            new OperatorCase("Einsum").Real(2, 3).Real(3, 2).Real(2).With(node => node.SetString("equation", "ij,jk,k->i")));
    }

    private static OperatorCase Windowed(string op, long[] input, long[]? weight, bool isSingle, Action<NodeProto>? attributes = null)
    {
        var test = new OperatorCase(op);
        test = (isSingle ? test.Single() : test).Real(input);
        if (weight is not null)
        {
            test = test.Real(weight);
        }

        return attributes is null ? test : test.With(attributes);
    }

    private static OperatorCase Resize(double[] scales, string mode, string transformation) => new OperatorCase("Resize").Single().Real(1, 2, 5, 4)
        .Missing().FixedReal(scales, 4).With(node => node.SetString("mode", mode).SetString("coordinate_transformation_mode", transformation));
}
