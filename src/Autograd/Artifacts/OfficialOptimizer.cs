namespace OrtZero.Autograd;

/// <summary>The optimizer node of official training artifacts. The defaults are those of the official <c>generate_artifacts</c>.</summary>
public sealed record OfficialOptimizer
{
    /// <summary>The algorithm. Default: AdamW.</summary>
    public OfficialOptimizerKind Kind { get; init; }

    /// <summary>Decay rate of the first moment (attribute alpha).</summary>
    public float Beta1 { get; init; } = 0.9f;

    /// <summary>Decay rate of the second moment (attribute beta).</summary>
    public float Beta2 { get; init; } = 0.999f;

    /// <summary>Added to the denominator.</summary>
    public float Epsilon { get; init; } = 1e-6f;

    /// <summary>Decoupled weight decay.</summary>
    public float WeightDecay { get; init; }

    /// <summary>Whether the moments are corrected for their start at zero.</summary>
    public bool CorrectBias { get; init; } = true;

    /// <summary>
    /// Whether weights decay before the update and epsilon is added to the corrected root, as torch.optim.AdamW does (adam_mode 0).
    /// Otherwise as Hugging Face's AdamW did (adam_mode 1): w -= lr·√(1-β₂ᵗ)/(1-β₁ᵗ)·m/(√v+ε), then w -= lr·decay·w.
    /// </summary>
    public bool IsTorchOrder { get; init; }

    /// <summary>The global L2 norm gradients are clipped to. Null: they are not clipped.</summary>
    public float? MaxNorm { get; init; }
}
