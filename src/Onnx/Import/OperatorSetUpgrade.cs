using OrtZero.Onnx.Internal;

namespace OrtZero.Onnx;

/// <summary>
/// Writes models of old operator sets in the first one in which axes, pads and bounds are inputs everywhere (13), which gradients need.
/// What the model computes stays the same, and so do the names of its inputs, outputs and initializers.
/// </summary>
public static class OperatorSetUpgrade
{
    /// <summary>The operator set that older models are written in.</summary>
    public const long Target = 13;

    /// <summary>Rewrites a model in place. Models of operator set 13 or later stay as they are.</summary>
    /// <returns>What was done, as one sentence for the user; <c>null</c> if nothing.</returns>
    /// <exception cref="OnnxFormatException">A node has an old form that cannot be told apart from the model file alone.</exception>
    public static string? Apply(OnnxModel model)
    {
        ArgumentNullException.ThrowIfNull(model);
        var version = model.GetOpsetVersion();
        if (version is 0 or >= Target)
        {
            return null;
        }

        new OperatorSetUpgrader(model.Graph, version, new NameAllocator(model.Graph), new Dictionary<string, (TensorElementType, int)>()).Run();
        model.SetOpsetVersion("", Target);
        // Operator set 13 came with IR version 7.
        model.Proto.IrVersion = Math.Max(model.Proto.IrVersion, 7);
        return $"The model uses operator set {version}; it is rewritten in {Target}, the first that gradients can be written in.";
    }
}
