namespace OrtZero.Training;

/// <summary>What <c>model.lora.type</c> may be.</summary>
public enum LoraKind
{
    /// <summary>Low-rank adapters (Hu et al. 2021).</summary>
    LoraConfig,
}
