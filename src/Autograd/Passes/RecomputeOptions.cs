namespace OrtZero.Autograd;

/// <summary>
/// Which values of the forward pass are computed again in the backward pass rather than kept for it (activation checkpointing). Either
/// <see cref="Layers"/> or <see cref="MemoryBudget"/> is given.
/// </summary>
public sealed record RecomputeOptions
{
    /// <summary>
    /// Patterns that name layers, such as <c>/blocks.*/</c>: every distinct text that a pattern matches in the names of nodes is one layer,
    /// of which only the inputs are kept. <c>*</c> stands for one or more characters other than a slash, as few as possible (at the end of a pattern: up
    /// to the next slash or dot), <c>?</c> for one. A pattern that fits no node is tried on parameters: a layer is then the nodes that read
    /// them and what follows until other parameters are read. Default: none.
    /// </summary>
    public IReadOnlyList<string> Layers { get; init; } = [];

    /// <summary>
    /// Bytes that activations may take by the estimate. Values are given up, those first that free most for what it costs to compute them
    /// again, until the estimate is within it. <c>null</c> (default): no budget.
    /// </summary>
    public long? MemoryBudget { get; init; }
}
