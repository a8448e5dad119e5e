using System.Text.Json.Serialization;

namespace OrtZero.Training;

/// <summary>What <c>zero_optimization.communication_data_type</c> may be.</summary>
public enum CommunicationType
{
    /// <summary>Gradients travel as they are.</summary>
    [JsonStringEnumMemberName("fp32")]
    Fp32,

    /// <summary>Gradients travel as halves, scaled by a power of two per message.</summary>
    [JsonStringEnumMemberName("fp16")]
    Fp16,

    /// <summary>Gradients travel as bfloat16.</summary>
    [JsonStringEnumMemberName("bf16")]
    Bf16,
}
