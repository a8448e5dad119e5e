using System.Text.Json.Serialization;

namespace OrtZero.Training;

/// <summary>What <c>model.lora.bias</c> may be.</summary>
public enum LoraBias
{
    /// <summary>No bias is trained.</summary>
    [JsonStringEnumMemberName("none")]
    None,

    /// <summary>All biases are trained, those of normalizations too.</summary>
    [JsonStringEnumMemberName("all")]
    All,

    /// <summary>The biases of modules with an adapter are trained.</summary>
    [JsonStringEnumMemberName("lora_only")]
    LoraOnly,
}
