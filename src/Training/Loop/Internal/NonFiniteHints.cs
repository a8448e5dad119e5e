using System.Globalization;
using OrtZero.Onnx.Protobuf;

namespace OrtZero.Training.Internal;

/// <summary>What usually helps when an operator makes a NaN or an infinity.</summary>
internal static class NonFiniteHints
{
    // The largest x whose exp is a float32.
    private const float LargestExponent = 88.72f;

    /// <summary>A sentence.</summary>
    /// <param name="node">The operator, of the forward model where the trouble is in its backward pass.</param>
    /// <param name="isForward">Whether the trouble is in the operator itself.</param>
    /// <param name="inputs">Its inputs in their order; null for one that is not float32.</param>
    internal static string For(NodeProto node, bool isForward, IReadOnlyList<float[]?> inputs)
    {
        var first = inputs.Count > 0 ? inputs[0] ?? [] : [];
        var second = inputs.Count > 1 ? inputs[1] ?? [] : [];
        var hasZero = Array.Exists(first, value => value == 0);
        var hasNegative = Array.Exists(first, value => value < 0);
        return node.OpType switch
        {
            "Exp" or "Softplus" or "Sinh" or "Cosh" or "Elu" or "Expm1" when first.Length > 0 && first.Max() > LargestExponent =>
                string.Create(CultureInfo.InvariantCulture, $"Hint: e^{first.Max():G4} is more than float32 holds (e^88.7); subtract the maximum first, as a softmax does, clip the input, or lower the lr of what computes it."),
            "Log" or "Log1p" when hasZero || hasNegative => "Hint: the logarithm of 0 is infinite and that of a negative number is NaN; add a small constant to the input or clip it from below.",
            "Sqrt" when isForward && hasNegative => "Hint: the root of a negative number is NaN; clip the input from below at 0.",
            "Sqrt" when hasZero => "Hint: the slope of the root at 0 is infinite; add a small constant under the root.",
            "Reciprocal" when hasZero => "Hint: the input holds 0; add a small constant to it.",
            "Div" when Array.Exists(second, value => value == 0) => "Hint: the divisor holds 0; add a small constant to it, or clip it from below.",
            "Pow" when hasZero || hasNegative => "Hint: a power of 0 or of a negative number is infinite or NaN for exponents below 1, and so is its slope; clip the base from below or add a small constant.",
            "Acos" or "Asin" or "Atanh" => "Hint: the slope is infinite at -1 and 1 and the value is NaN beyond; clip the input to less than that.",
            "ReduceL2" or "LpNormalization" when !isForward => "Hint: the slope of a norm at 0 is NaN; add a small constant under its root.",
            "Softmax" or "LogSoftmax" => "Hint: a row of the input that is minus infinity throughout, a mask that leaves nothing, has no softmax; leave at least one element, or mask with a large negative number.",
            _ => Overflow(inputs),
        };
    }

    private static string Overflow(IReadOnlyList<float[]?> inputs)
    {
        var largest = inputs.OfType<float[]>().SelectMany(values => values).Where(float.IsFinite).Select(Math.Abs).DefaultIfEmpty().Max();
        return largest > 1e9f
            ? string.Create(CultureInfo.InvariantCulture, $"Hint: with inputs as large as {largest:G4} the result is beyond float32 (3.4e38); lower the lr, clip gradients with optim_wrapper.clip_grad, or scale the data.")
            : "Hint: look at the inputs above; lower the lr or clip gradients with optim_wrapper.clip_grad if weights have grown, or keep this operator away from where it has no finite result.";
    }
}
