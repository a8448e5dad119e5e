namespace OrtZero.Training;

/// <summary>The <c>graph</c> section: passes over the training graph, which change time and memory and not what is learnt.</summary>
public sealed record GraphSection
{
    /// <summary>Computes activations again in the backward pass rather than keep them (activation checkpointing). Null: all are kept.</summary>
    public RecomputeSection? Recompute { get; init; }
}
