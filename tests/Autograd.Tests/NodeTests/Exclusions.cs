using OrtZero.Onnx;
using OrtZero.Onnx.Protobuf;
using OrtZero.Runtime;

namespace OrtZero.Autograd.Tests;

/// <summary>Why a test, or an input of a test, has no gradient that could be compared.</summary>
internal static class Exclusions
{
    public static string? ByContent(string domain, string name, OnnxModel model, TensorProto?[] inputs)
    {
        if (inputs.Contains(null))
        {
            return "an input is a sequence or an optional";
        }

        if (inputs.Any(tensor => tensor!.ElementType() == TensorElementType.String))
        {
            return "an input holds strings";
        }

        if (!inputs.Any(tensor => tensor!.ElementType().IsFloatingPoint()))
        {
            return "no input of real numbers";
        }

        if (model.Graph.Output.All(output => output.Type?.TensorType is null))
        {
            return "the output is a sequence or an optional";
        }

        if (!model.Graph.Output.Any(output => output.ElementType().IsFloatingPoint()))
        {
            return "no output of real numbers";
        }

        if (inputs.Any(tensor => tensor!.ElementType().IsFloatingPoint() && Array.Exists(tensor!.ToSingles(), value => !float.IsFinite(value))))
        {
            return "an input holds NaN or an infinity";
        }

        return (domain, name) switch
        {
            ("ai.onnx.preview.training", _) => "an optimizer: it makes updates from gradients and has none itself",
            ("", "DynamicQuantizeLinear" or "Floor" or "Ceil" or "Round" or "Sign") => "not differentiable: a staircase",
            ("", "Range") => "its inputs choose the shape",
            ("", "Bernoulli") => "random",
            ("", "DFT") when model.Graph.Node.Any(node => node.GetInt("inverse", 0) != 0) => "ONNX Runtime takes float32 angles for the inverse in float64",
            _ when !GradientRuleRegistry.Rules.IsDifferentiable(domain, name) => "not differentiable: its result does not follow small changes",
            _ => null,
        };
    }

    /// <summary>Why one real input is not compared; <c>null</c> where it is.</summary>
    public static string? ByInput(string name, int index, OnnxModel model) => (name, index) switch
    {
        ("Resize", > 0) => "region and scales: they choose the shape",
        ("Upsample", > 0) => "scales: they choose the shape",
        ("OneHot", < 2) => "places and how many there are",
        ("Dropout", > 0) => "ratio: a setting",
        ("CastLike", 1) => "only its type counts",
        ("BatchNormalization", > 2) when model.Graph.Node.Any(node => node.GetInt("training_mode", 0) != 0) => "statistics, carried from run to run",
        _ => null,
    };

    public static string WithoutRule(UnsupportedOperatorException exception) => $"{exception.OperatorName} has no gradient rule";

    public static string? ByRuntime(OrtException exception) =>
        exception.Message.Contains("not implemented", StringComparison.OrdinalIgnoreCase)
        || exception.Message.Contains("Could not find an implementation", StringComparison.Ordinal)
        || exception.Message.Contains("not a registered function", StringComparison.Ordinal)
        || exception.Message.Contains("not supported", StringComparison.Ordinal)
            ? "ONNX Runtime has no kernel for this form"
            : null;
}
