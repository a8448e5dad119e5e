namespace OrtZero.Training;

/// <summary>The <c>graph.recompute</c> section: what is computed again. Either layers or memory_budget is given.</summary>
public sealed record RecomputeSection
{
    /// <summary>
    /// Patterns such as "/blocks.*/": each distinct text that one matches in the names of nodes, or if it is in none of those in the names of
    /// parameters ("blocks.*."), is a layer of which only the inputs are kept. * stands for one or more characters other than a slash,
    /// ? for one. Default: none.
    /// </summary>
    public IReadOnlyList<string> Layers { get; init; } = [];

    /// <summary>
    /// What the activations of a micro-batch may take, such as "64MiB", by the estimate that rankworker plan prints: as little is computed
    /// again as brings it there. Null: layers says what is.
    /// </summary>
    public MemorySize? MemoryBudget { get; init; }
}
