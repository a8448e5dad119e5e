namespace OrtZero.Autograd;

/// <summary>What recomputation does to a graph, by the estimate that a value lives from the node that computes it to the last that reads it.</summary>
/// <param name="Layers">Layers that the patterns found; 0 with a budget.</param>
/// <param name="Values">Values that the backward pass reads and that are computed again.</param>
/// <param name="ValueBytes">Their bytes.</param>
/// <param name="AddedNodes">Nodes that compute them again.</param>
/// <param name="PeakBytesBefore">The most that all activations took at one time.</param>
/// <param name="PeakBytesAfter">The most that they take now.</param>
/// <param name="IsBudgetMet">Whether that is within the budget; <c>true</c> without one.</param>
public sealed record RecomputeReport(
    int Layers, int Values, long ValueBytes, int AddedNodes, long PeakBytesBefore, long PeakBytesAfter, bool IsBudgetMet);
