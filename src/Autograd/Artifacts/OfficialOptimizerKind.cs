namespace OrtZero.Autograd;

/// <summary>The optimizers that official training artifacts may have.</summary>
public enum OfficialOptimizerKind
{
    /// <summary>com.microsoft.AdamWOptimizer.</summary>
    AdamW,

    /// <summary>com.microsoft.SGDOptimizerV2: w -= lr·g, without momentum.</summary>
    Sgd,
}
