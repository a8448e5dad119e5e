using OrtZero.Onnx;

namespace OrtZero.Autograd.Tests;

/// <summary>Cases of ShapeRules, GatherRules and ReduceRules.</summary>
internal static class LayoutCases
{
    public static IEnumerable<(string Name, Func<OperatorCase> Make)> All()
    {
        yield return ("Reshape", () => new OperatorCase("Reshape").Real(2, 6).Integers(3, -1));
        yield return ("Flatten", () => new OperatorCase("Flatten").Real(2, 3, 2));
        yield return ("Squeeze", () => new OperatorCase("Squeeze").Real(2, 1, 3).Integers(1));
        yield return ("Unsqueeze", () => new OperatorCase("Unsqueeze").Real(2, 3).Integers(0, 2));
        yield return ("Transpose", () => new OperatorCase("Transpose").Real(2, 3, 4).With(node => node.SetInts("perm", 2, 0, 1)));
        yield return ("Transpose without perm", () => new OperatorCase("Transpose").Real(2, 3));
        yield return ("Cast", () => new OperatorCase("Cast").Real(2, 3).With(node => node.SetInt("to", 11)));
        yield return ("Expand", () => new OperatorCase("Expand").Real(3, 1).Integers(2, 3, 4));
        yield return ("Trilu lower", () => new OperatorCase("Trilu").Real(3, 4).With(node => node.SetInt("upper", 0)));
        yield return ("Trilu with offset", () => new OperatorCase("Trilu").Real(2, 3, 3).IntegerTensor([1]));
        yield return ("Concat", () => new OperatorCase("Concat").Real(2, 3).Real(2, 1).Real(2, 2).With(node => node.SetInt("axis", -1)));
        yield return ("Concat of a value with itself", () => new OperatorCase("Concat").Real(2, 3).Again(0).With(node => node.SetInt("axis", 0)));
        yield return ("Split", () => new OperatorCase("Split").Real(2, 6).Integers(1, 3, 2).WithOutputs(3).With(node => node.SetInt("axis", 1)));
        yield return ("Split evenly", () => new OperatorCase("Split").Real(4, 2).WithOutputs(2));
        yield return ("Split by count", () => new OperatorCase("Split", 18).Real(5, 2).WithOutputs(2).With(node => node.SetInt("num_outputs", 2)));
        yield return ("Slice", () => new OperatorCase("Slice").Real(5, 4).Integers(1).Integers(4).Integers(0));
        yield return ("Slice of two axes", () => new OperatorCase("Slice").Real(5, 4).Integers(1, -2).Integers(4, long.MaxValue).Integers(0, 1));
        yield return ("Slice with step", () => new OperatorCase("Slice").Real(8, 2).Integers(1).Integers(8).Integers(0).Integers(3));
        yield return ("Slice backwards", () => new OperatorCase("Slice").Real(7, 2).Integers(-1).Integers(-100).Integers(0).Integers(-1));
        yield return ("Slice backwards with step", () => new OperatorCase("Slice").Real(2, 7).Integers(5).Integers(0).Integers(1).Integers(-2));
        yield return ("Pad", () => new OperatorCase("Pad").Real(2, 3).Integers(1, 0, 2, 3));
        yield return ("Pad that cuts", () => new OperatorCase("Pad").Real(3, 4).Integers(0, -1, 1, -2));
        foreach (var mode in new[] { "reflect", "edge" })
        {
            yield return ($"Pad with {mode}", () =>
                new OperatorCase("Pad").Real(3, 4).Integers(2, 1, 1, 3).With(node => node.SetString("mode", mode)));
        }

        yield return ("Pad with axes", () => new OperatorCase("Pad", 18).Real(3, 4).Integers(1, 2).FixedReal([0.5]).Integers(-1));
        yield return ("Tile", () => new OperatorCase("Tile").Real(2, 3).Integers(3, 2));
        yield return ("Dropout at inference", () => new OperatorCase("Dropout").Real(3, 4));
        yield return ("Gather rows", () => new OperatorCase("Gather").Real(5, 3).IntegerTensor([0, 4, 4, -5, 2, 4], 2, 3));
        yield return ("Gather rows in float32", () => new OperatorCase("Gather").Single().Real(5, 3).IntegerTensor([0, 4, 4, -5, 2, 4], 2, 3));
        yield return ("Gather columns", () => new OperatorCase("Gather").Real(2, 5, 3).IntegerTensor([0, 4, 4, 1], 4).With(node => node.SetInt("axis", 1)));
        yield return ("Gather of one", () => new OperatorCase("Gather").Real(2, 5).IntegerTensor([-2]).With(node => node.SetInt("axis", 1)));
        yield return ("Gather of a run", () => new OperatorCase("Gather").Real(2, 5).IntegerTensor([1, 2, 3], 3).With(node => node.SetInt("axis", 1)));
        yield return ("GatherElements", () =>
            new OperatorCase("GatherElements").Real(3, 4).IntegerTensor([0, 1, 1, 3, 3, 3], 2, 3).With(node => node.SetInt("axis", 1)));
        yield return ("GatherND", () => new OperatorCase("GatherND").Real(2, 3, 4).IntegerTensor([0, 1, 1, 2, 0, 1, -1, -1], 4, 2));
        yield return ("GatherND with batch", () =>
            new OperatorCase("GatherND").Real(2, 3, 4).IntegerTensor([1, 1, 2, 0], 2, 2, 1).With(node => node.SetInt("batch_dims", 1)));
        yield return ("TopK", () => new OperatorCase("TopK").Real(2, 5).Integers(3).WithOutputs(2));

        foreach (var op in new[] { "ReduceSum", "ReduceMean", "ReduceProd", "ReduceMax", "ReduceMin", "ReduceL1", "ReduceL2", "ReduceSumSquare", "ReduceLogSumExp" })
        {
            yield return ($"{op} of everything", () => Reduce(op, null, 1));
            yield return ($"{op} over one axis", () => Reduce(op, [-1], 1));
            yield return ($"{op} over two axes without keeping them", () => Reduce(op, [0, 2], 0));
        }

        yield return ("ReduceProd with a zero", () => new OperatorCase("ReduceProd").RealValues([1.5, 0, -2, 0.5, 0.7, 3], 2, 3).With(node => node.SetInts("axes", 1)));
        yield return ("ReduceProd of set 18", () => new OperatorCase("ReduceProd", 18).Real(2, 3).Integers(1));
        foreach (var (reverse, exclusive) in new[] { (0, 0), (1, 0), (0, 1), (1, 1) })
        {
            yield return ($"CumSum {reverse}{exclusive}", () => new OperatorCase("CumSum").Real(2, 4).IntegerTensor([1])
                .With(node => node.SetInt("reverse", reverse).SetInt("exclusive", exclusive)));
        }

        yield return ("ReduceLogSum", () => new OperatorCase("ReduceLogSum").RealBetween(0.2, 2, 2, 3).With(node => node.SetInts("axes", 1)));
        yield return ("ReduceMean of set 18", () => new OperatorCase("ReduceMean", 18).Real(2, 3).Integers(1));
    }

    private static OperatorCase Reduce(string op, long[]? axes, int keep)
    {
        var test = new OperatorCase(op).Real(2, 3, 2).With(node => node.SetInt("keepdims", keep));
        return axes is null ? test : op == "ReduceSum" ? test.Integers(axes) : test.With(node => node.SetInts("axes", axes));
    }
}
