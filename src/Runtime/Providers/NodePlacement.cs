namespace OrtZero.Runtime;

/// <summary>Which execution provider runs a node.</summary>
/// <param name="Name">The node's name; empty where the model gave it none.</param>
/// <param name="OperatorType">Its operator, such as MatMul.</param>
/// <param name="Domain">The operator's domain; empty for ONNX's own.</param>
/// <param name="Provider">The provider as <see cref="OrtLibrary.Providers"/> lists it, such as CPUExecutionProvider.</param>
public sealed record NodePlacement(string Name, string OperatorType, string Domain, string Provider);
