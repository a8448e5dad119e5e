namespace OrtZero.Kernels;

/// <summary>What one AdamW update of a range of elements needs besides the elements.</summary>
public readonly record struct AdamWParameters
{
    /// <summary>Learning rate of this range at this update.</summary>
    public required double LearningRate { get; init; }

    /// <summary>Decay of the first moment.</summary>
    public required double Beta1 { get; init; }

    /// <summary>Decay of the second moment.</summary>
    public required double Beta2 { get; init; }

    /// <summary>Added to the root of the second moment.</summary>
    public required double Epsilon { get; init; }

    /// <summary>Decoupled weight decay: each update multiplies weights by 1 - LearningRate * WeightDecay first.</summary>
    public required double WeightDecay { get; init; }

    /// <summary>1 - Beta1^t for update t = 1, 2, …</summary>
    public required double BiasCorrection1 { get; init; }

    /// <summary>1 - Beta2^t for update t = 1, 2, …</summary>
    public required double BiasCorrection2 { get; init; }

    /// <summary>Every gradient is multiplied by this first: divisor of the update, loss scale and clipping in one factor.</summary>
    public required float GradientScale { get; init; }
}
