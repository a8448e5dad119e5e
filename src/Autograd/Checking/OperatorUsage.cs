namespace OrtZero.Autograd;

/// <summary>An operator of a model.</summary>
/// <param name="Domain">Its domain; "" is the standard one.</param>
/// <param name="Operator">Its name.</param>
/// <param name="Count">The nodes of it in the main graph.</param>
/// <param name="Differentiated">Of these, the nodes between a trainable parameter and an output.</param>
/// <param name="Gradient"><c>rule</c>, <c>formula</c> (written as simpler operators), <c>none due</c> or <c>missing</c>.</param>
/// <param name="Placements">
/// By execution provider asked for: which providers ran its nodes, and how many each. Nodes that ONNX Runtime replaced by their
/// function's body, or that another branch made unnecessary, are not among them.
/// </param>
public sealed record OperatorUsage(
    string Domain, string Operator, int Count, int Differentiated, string Gradient, IReadOnlyDictionary<string, IReadOnlyDictionary<string, int>> Placements)
{
    /// <summary>Whether training would fail because of it.</summary>
    public bool IsMissing => Differentiated > 0 && Gradient == "missing";
}
