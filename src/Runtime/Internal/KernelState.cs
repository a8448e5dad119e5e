namespace OrtZero.Runtime.Internal;

/// <summary>A kernel and what its callbacks need, found through the pointer ONNX Runtime holds for the node.</summary>
internal sealed class KernelState(OperatorDeclaration declaration, CustomKernel kernel, bool[] hasOutput, string nodeName)
{
    public OperatorDeclaration Declaration { get; } = declaration;

    public CustomKernel Kernel { get; } = kernel;

    public OrtApi Api { get; } = declaration.Api;

    /// <summary>Per output of the node, whether it was not left out.</summary>
    public bool[] HasOutput { get; } = hasOutput;

    /// <summary>The node as messages call it.</summary>
    public string Description { get; } = $"{declaration.QualifiedName} (node '{nodeName}')";
}
