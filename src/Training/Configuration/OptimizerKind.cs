namespace OrtZero.Training;

/// <summary>What <c>optim_wrapper.optimizer.type</c> may be.</summary>
public enum OptimizerKind
{
    /// <summary>Adam with decoupled weight decay (Loshchilov and Hutter 2019), as torch.optim.AdamW.</summary>
    AdamW,
}
