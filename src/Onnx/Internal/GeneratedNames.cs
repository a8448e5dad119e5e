using System.Text.RegularExpressions;

namespace OrtZero.Onnx.Internal;

/// <summary>Names that exporters make up for values, as against the names of a module's parameters.</summary>
internal static partial class GeneratedNames
{
    /// <summary>
    /// TorchScript exporter: <c>onnx::MatMul_325</c>, <c>/attn/Constant_output_0</c>, plain numbers before version 1.13. Exporter
    /// of torch.export: <c>val_12</c>, <c>_lifted_tensor_constant0</c>, <c>scalar_tensor_default_1</c>. tf2onnx:
    /// <c>const_fold_opt__44</c>, <c>const_12</c>.
    /// </summary>
    public static bool IsGenerated(string name) => Pattern().IsMatch(name);

    [GeneratedRegex(@"^(onnx::.*|/.*|\d+|_*val_\d+|_*(lifted_tensor|tensor_constant|lifted_tensor_constant)_?\d*|scalar_tensor_default(_\d+)?|const_fold_opt_+\d+|const_+\d+)$", RegexOptions.IgnoreCase)]
    private static partial Regex Pattern();
}
