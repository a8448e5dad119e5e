namespace OrtZero.Autograd;

/// <summary>How gradients are written into the graph.</summary>
public sealed record GradientOptions
{
    /// <summary>
    /// <c>true</c> (default): operators of <c>OrtZero.Kernels</c> where they exist, which only the CPU runs.
    /// <c>false</c>: standard ONNX operators only, which every execution provider runs.
    /// </summary>
    public bool FusedKernels { get; init; } = true;

    /// <summary>Whose kernels to keep to when <see cref="FusedKernels"/> is <c>false</c>.</summary>
    public OperatorTarget Target { get; init; }

    /// <summary>
    /// <c>true</c>: rows whose label a cross-entropy ignores are left out before the first operator from where on the model works row by
    /// row up to that loss. <c>false</c> (default): all rows are computed.
    /// </summary>
    public bool SparseLabels { get; init; }

    /// <summary>How dropouts of training graphs draw. <c>null</c> (default): as ONNX Runtime does, other masks in every run.</summary>
    public DropoutOptions? Dropout { get; init; }

    /// <summary>
    /// Outputs of the model that training graphs give too, behind all others and as the forward pass in training mode has them. Default:
    /// none.
    /// </summary>
    public IReadOnlyList<string> KeptOutputs { get; init; } = [];
}
