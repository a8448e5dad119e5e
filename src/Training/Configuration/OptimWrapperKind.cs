namespace OrtZero.Training;

/// <summary>What <c>optim_wrapper.type</c> may be.</summary>
public enum OptimWrapperKind
{
    /// <summary>The loss is used as it is.</summary>
    OptimWrapper,

    /// <summary>The loss is multiplied by a scale, and an update with a non-finite gradient is skipped.</summary>
    AmpOptimWrapper,
}
