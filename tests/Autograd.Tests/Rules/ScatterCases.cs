using OrtZero.Onnx;

namespace OrtZero.Autograd.Tests;

/// <summary>Cases of ScatterRules, with indices that meet and some that count from the end.</summary>
internal static class ScatterCases
{
    public static IEnumerable<(string Name, Func<OperatorCase> Make)> All()
    {
        foreach (var reduction in new[] { "none", "add", "mul", "max", "min" })
        {
            long[] indices = reduction == "none" ? [2, 0, 1, 3] : [1, 1, 2, -2];
            yield return ($"ScatterElements {reduction}", () => Reduced("ScatterElements", reduction).Real(3, 4).IntegerTensor(indices, 2, 2).RealBetween(-1.1, 1.8, 2, 2)
                .With(node => node.SetInt("axis", 1)));
            long[] rows = reduction == "none" ? [2, 0] : [1, 1, -1];
            yield return ($"ScatterND of rows {reduction}", () => Reduced("ScatterND", reduction).Real(3, 4).IntegerTensor(rows, rows.Length, 1)
                .RealBetween(-1.1, 1.8, rows.Length, 4));
            yield return ($"ScatterND of elements {reduction}", () => Reduced("ScatterND", reduction).Real(3, 4).IntegerTensor([0, 1, 2, -1, 1, 0], 3, 2)
                .RealBetween(-1.1, 1.8, 3));
        }

        yield return ("ScatterElements mul of zeros", () => Reduced("ScatterElements", "mul").RealValues([0, 1.5, 2, 0.7], 4)
            .IntegerTensor([0, 1, 2, 2, 2, 3], 6).RealValues([1.3, 0, 0.8, 0, 1.7, 0.6], 6));
    }

    private static OperatorCase Reduced(string op, string reduction)
    {
        var test = new OperatorCase(op, 18);
        return reduction == "none" ? test : test.With(node => node.SetString("reduction", reduction));
    }
}
