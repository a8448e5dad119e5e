using OrtZero.Kernels;
using OrtZero.Onnx;

namespace OrtZero.Autograd.Tests;

/// <summary>Cases of ElementwiseRules, ActivationRules and LogicRules.</summary>
internal static class ElementwiseCases
{
    public static IEnumerable<(string Name, Func<OperatorCase> Make)> All()
    {
        foreach (var op in new[] { "Add", "Sub", "Mul", "Div" })
        {
            yield return ($"{op} of equal shapes", () => new OperatorCase(op).Real(2, 3).RealBetween(0.6, 2, 2, 3));
            yield return ($"{op} with a broadcast right side", () => new OperatorCase(op).Real(2, 3, 4).RealBetween(0.6, 2, 4));
            yield return ($"{op} with a broadcast left side", () => new OperatorCase(op).Real(3, 1).RealBetween(0.6, 2, 2, 3, 4));
            yield return ($"{op} with both sides broadcast", () => new OperatorCase(op).Real(2, 1, 4).RealBetween(0.6, 2, 3, 1));
            yield return ($"{op} with a scalar", () => new OperatorCase(op).Real(2, 3).RealBetween(0.6, 2));
            yield return ($"{op} of a value with itself", () => new OperatorCase(op).RealBetween(0.6, 2, 2, 3).Again(0));
        }

        foreach (var power in new[] { 0, 1, 2, 3, 0.5, -1, 1.7, -0.5 })
        {
            yield return ($"Pow with constant {power}", () => new OperatorCase("Pow").RealBetween(0.4, 2, 2, 3).FixedReal([power]));
        }

        yield return ("Pow with integer exponent", () => new OperatorCase("Pow").Real(2, 3).Integers(2));
        yield return ("Pow with constant exponents", () => new OperatorCase("Pow").Real(3).FixedReal([2, 0, 3], 3));
        yield return ("Pow of base and exponent", () => new OperatorCase("Pow").RealBetween(0.4, 2, 2, 3).RealBetween(-1, 2, 3));
        yield return ("Pow of a constant base with 0", () => new OperatorCase("Pow").FixedReal([0, 0.5, 2], 3).RealBetween(0.5, 2, 3));

        foreach (var (op, low, high) in new[]
        {
            ("Sqrt", 0.3, 2), ("Neg", -1, 1), ("Exp", -1, 1.0), ("Log", 0.3, 2), ("Tanh", -2, 2), ("Sigmoid", -3, 3),
            ("Relu", -1, 1), ("Softplus", -2, 2), ("Softsign", -2, 2), ("Abs", -1, 1), ("Reciprocal", 0.5, 2), ("Identity", -1, 1),
            ("Sin", -2, 2), ("Cos", -2, 2), ("Atan", -2, 2), ("LeakyRelu", -1, 1.0), ("Elu", -2, 2), ("Selu", -2, 2), ("Celu", -2, 2),
            ("Tan", -1, 1), ("Sinh", -1, 1), ("Cosh", -1, 1), ("Asin", -0.8, 0.8), ("Acos", -0.8, 0.8), ("Asinh", -1, 1), ("Acosh", 1.3, 2),
            ("Atanh", -0.8, 0.8), ("ThresholdedRelu", 0.2, 2.1), ("HardSigmoid", -4, 4), ("HardSwish", -4.1, 4.1), ("Mish", -2, 2), ("Erf", -2, 2),
        })
        {
            var isSingle = SingleOnly.Contains(op);
            yield return (op, () =>
            {
                var test = new OperatorCase(op, op == "Mish" ? 18 : 17).RealBetween(low, high, 3, 4);
                return isSingle ? test.Single() : test;
            });
        }

        yield return ("LeakyRelu with alpha", () => new OperatorCase("LeakyRelu").Single().Real(3, 4).With(node => node.SetFloat("alpha", 0.3f)));
        yield return ("Elu with alpha", () => new OperatorCase("Elu").Single().Real(3, 4).With(node => node.SetFloat("alpha", 0.7f)));
        yield return ("Celu with alpha", () => new OperatorCase("Celu").Single().Real(3, 4).With(node => node.SetFloat("alpha", 0.7f)));
        yield return ("Gelu", () => new OperatorCase("Gelu", 20).Single().RealBetween(-2, 2, 3, 4));
        yield return ("Gelu with tanh", () =>
            new OperatorCase("Gelu", 20).Single().RealBetween(-2, 2, 3, 4).With(node => node.SetString("approximate", "tanh")));
        yield return ("Gelu of com.microsoft", () => new OperatorCase("Gelu", 17, "com.microsoft").Single().RealBetween(-2, 2, 3, 4));
        yield return ("Gelu of this project", () => new OperatorCase("Gelu", 17, KernelLibrary.Domain).Single().RealBetween(-2, 2, 3, 4));
        yield return ("Silu", () => new OperatorCase("Silu", 17, KernelLibrary.Domain).Single().RealBetween(-2, 2, 3, 4));
        yield return ("SwiGlu", () => new OperatorCase("SwiGlu", 17, KernelLibrary.Domain).Single().RealBetween(-2, 2, 3, 4).Real(3, 4));
        yield return ("PRelu", () => new OperatorCase("PRelu").Single().Real(2, 3, 4).RealBetween(0.1, 0.5, 3, 1));
        foreach (var op in new[] { "Softmax", "LogSoftmax" })
        {
            yield return (op, () => new OperatorCase(op).Real(2, 3, 4));
            yield return ($"{op} over axis 1", () => new OperatorCase(op).Real(2, 3, 4).With(node => node.SetInt("axis", 1)));
        }

        yield return ("Softmax in float32", () => new OperatorCase("Softmax").Single().Real(2, 3, 4));
        yield return ("Sum", () => new OperatorCase("Sum").Single().Real(2, 3).Real(3).Real(2, 1));
        yield return ("Mean", () => new OperatorCase("Mean").Single().Real(2, 3).Real(3).Real(2, 1));
        yield return ("Max", () => new OperatorCase("Max").Real(2, 3).Real(2, 3));
        yield return ("Max of three", () => new OperatorCase("Max").Real(2, 3).Real(3).RealBetween(-1, 0.9, 2, 1));
        yield return ("Min", () => new OperatorCase("Min").Real(2, 3).Real(3));
        yield return ("Clip", () => new OperatorCase("Clip").Real(3, 4).FixedReal([-0.62]).FixedReal([0.63]));
        yield return ("Clip with trainable bounds", () => new OperatorCase("Clip").Real(3, 4).RealValues([-0.62]).RealValues([0.63]));
        yield return ("Clip without minimum", () => new OperatorCase("Clip").Real(3, 4).Missing().FixedReal([0.63]));
        yield return ("Mod", () => new OperatorCase("Mod").RealBetween(1.05, 3.4, 2, 3).RealValues([0.83]).With(node => node.SetInt("fmod", 1)));
        yield return ("Where", () => new OperatorCase("Where").Booleans([true, false, true], 3).Real(2, 3).Real(2, 1));
    }

    /// <summary>Operators without a float64 kernel on the CPU.</summary>
    private static readonly HashSet<string> SingleOnly =
        ["Erf", "Softplus", "Softsign", "LeakyRelu", "Elu", "Selu", "Celu", "ThresholdedRelu", "HardSigmoid", "HardSwish", "Mish",
            "Tan", "Sinh", "Cosh", "Asin", "Acos", "Asinh", "Acosh", "Atanh", "Atan", "Sin", "Cos"];
}
