using System.Text.Json.Serialization;

namespace OrtZero.Training;

/// <summary>What <c>optim_wrapper.optimizer.adjust_lr_fn</c> may be, with PyTorch's names.</summary>
public enum MuonRate
{
    /// <summary>By 0.2 sqrt(max(rows, columns)) (Liu et al. 2025).</summary>
    [JsonStringEnumMemberName("match_rms_adamw")]
    MatchRmsAdamW,

    /// <summary>By sqrt(max(1, rows / columns)) (Jordan et al. 2024).</summary>
    [JsonStringEnumMemberName("original")]
    Original,
}
