using OrtZero.Onnx;

namespace OrtZero.Autograd.Tests;

/// <summary>Cases of SelectionRules, and forms of other operators that few models use.</summary>
internal static class SelectionCases
{
    public static IEnumerable<(string Name, Func<OperatorCase> Make)> All()
    {
        yield return ("DFT of a real signal", () => new OperatorCase("DFT").Real(2, 5, 1).With(node => node.SetInt("onesided", 1)));
        yield return ("DFT of a longer complex one", () => new OperatorCase("DFT").Real(2, 4, 3, 2).IntegerTensor([6]));
        yield return ("DFT of another axis backwards", () => new OperatorCase("DFT").Single().Real(2, 3, 4, 2).IntegerTensor([3]).With(node => node.SetInt("axis", 2).SetInt("inverse", 1)));
        yield return ("DFT of set 20", () => new OperatorCase("DFT", 20).Real(2, 4, 1).Missing().IntegerTensor([1]));
        yield return ("STFT", () => new OperatorCase("STFT").Real(2, 9, 1).IntegerTensor([2]).Real(4).IntegerTensor([4]));
        yield return ("STFT of both sides without window", () => new OperatorCase("STFT").Real(1, 8, 1).IntegerTensor([3]).Missing().IntegerTensor([5])
            .With(node => node.SetInt("onesided", 0)));
        yield return ("OneHot", () => new OperatorCase("OneHot").Single().IntegerTensor([0, 2, -1, 1], 2, 2).IntegerTensor([4]).Real(2));
        yield return ("OneHot along another axis", () => new OperatorCase("OneHot").Single().IntegerTensor([0, 2, 5], 3).IntegerTensor([4]).Real(2)
            .With(node => node.SetInt("axis", 0)));
        yield return ("CastLike", () => new OperatorCase("CastLike").Real(2, 3).FixedReal([1], 1));
        yield return ("Compress along an axis", () => new OperatorCase("Compress").Real(2, 4, 3).Booleans([true, false, true], 3).With(node => node.SetInt("axis", 1)));
        yield return ("Compress of all elements", () => new OperatorCase("Compress").Real(2, 3).Booleans([false, true, true, false, true], 5));
        yield return ("MaxUnpool", () => new OperatorCase("MaxUnpool").Single().Real(1, 2, 2, 2).IntegerTensor([5, 7, 13, 15, 16, 19, 28, 30], 1, 2, 2, 2)
            .With(node => node.SetInts("kernel_shape", 2, 2).SetInts("strides", 2, 2)));
        yield return ("ReverseSequence", () => new OperatorCase("ReverseSequence").Real(4, 3, 2).Integers(4, 2, 3));
        yield return ("ReverseSequence of rows", () => new OperatorCase("ReverseSequence").Real(3, 4).Integers(1, 3, 4)
            .With(node => node.SetInt("batch_axis", 0).SetInt("time_axis", 1)));
        yield return ("Shrink", () => new OperatorCase("Shrink").Single().RealValues([-1.4, -0.9, -0.6, -0.2, 0.1, 0.5, 0.8, 1.3], 2, 4).With(node => node.SetFloat("lambd", 0.7f).SetFloat("bias", 0.3f)));
        yield return ("Det of 1 by 1", () => new OperatorCase("Det").Single().Real(3, 1, 1));
        yield return ("Det of 2 by 2", () => new OperatorCase("Det").Single().Real(2, 2));
        yield return ("Det of 3 by 3", () => new OperatorCase("Det").Single().Real(2, 3, 3));
        yield return ("Det of a singular matrix", () => new OperatorCase("Det").Single().RealValues([1, 2, 3, 2, 4, 6, 0.5, -1, 0.3], 3, 3));
        yield return ("Einsum of a diagonal", () => new OperatorCase("Einsum").Real(2, 3, 3).With(node => node.SetString("equation", "aii->ai")));
        yield return ("Einsum of a trace times a vector", () => new OperatorCase("Einsum").Real(3, 3).Real(4).With(node => node.SetString("equation", "ii,j->j")));
        yield return ("Einsum of a matrix and its diagonal", () => new OperatorCase("Einsum").Real(3, 3, 3).Real(3).With(node => node.SetString("equation", "iii,i->")));
        yield return ("MaxPool with column-major indices", () => new OperatorCase("MaxPool").Single().Real(2, 2, 5, 4).WithUnusedOutputs(1)
            .With(node => node.SetInts("kernel_shape", 2, 2).SetInts("strides", 2, 1).SetInt("storage_order", 1)));
        yield return ("Pad with a number that is learned", () => new OperatorCase("Pad").Real(2, 3).Integers(1, 0, 0, 2).RealValues([0.4]));
        yield return ("Pad that cuts, with a number that is learned", () => new OperatorCase("Pad").Real(2, 4).Integers(1, -1, 0, 2).RealValues([0.4]));
        yield return ("Resize of a region", () => new OperatorCase("Resize", 13).Single().Real(1, 2, 4, 5)
            .FixedReal([0, 0, 0.2, 0.1, 1, 1, 0.9, 1.3], 8).FixedReal([], 0).Integers(1, 2, 3, 4)
            .With(node => node.SetString("coordinate_transformation_mode", "tf_crop_and_resize").SetString("mode", "linear").SetFloat("extrapolation_value", 10)));
        yield return ("BatchNormalization with statistics that are learned", () => new OperatorCase("BatchNormalization").Real(2, 3, 2, 2).Real(3).Real(3)
            .Real(3).RealBetween(0.4, 1.6, 3));
    }
}
