namespace OrtZero.Onnx;

/// <summary>What is known of the values inside a branch of an If node.</summary>
/// <param name="Values">The values that the branch itself defines, and those it reads from around it.</param>
/// <param name="Problem">Why nothing is known, in ONNX Runtime's words, where the branch could not be run on the sample; else <c>null</c>.</param>
public sealed record BranchValues(ValueTable Values, string? Problem);
