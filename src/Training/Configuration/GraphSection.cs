namespace OrtZero.Training;

/// <summary>The <c>graph</c> section: passes over the training graph, which change time and memory and not what is learnt.</summary>
public sealed record GraphSection
{
    /// <summary>Computes activations again in the backward pass rather than keep them (activation checkpointing). Null: all are kept.</summary>
    public RecomputeSection? Recompute { get; init; }

    /// <summary>
    /// Whether rows whose label a cross_entropy ignores are left out where the model works row by row up to that loss: its head, the norm
    /// before it, the last block behind its attention. Default: "auto", where a fifth of the labels or more is ignored. "on" does so always,
    /// "off" never.
    /// </summary>
    public LabelSparsityChoice LabelSparsity { get; init; }
}
