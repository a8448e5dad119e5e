using System.Text.Json.Serialization;

namespace OrtZero.Training;

/// <summary>What <c>zero_optimization.offload_optimizer.device</c> may be.</summary>
public enum OffloadDevice
{
    /// <summary>Nothing is moved.</summary>
    [JsonStringEnumMemberName("none")]
    None,

    /// <summary>Main memory.</summary>
    [JsonStringEnumMemberName("cpu")]
    Cpu,

    /// <summary>Files on a fast disk.</summary>
    [JsonStringEnumMemberName("nvme")]
    Nvme,
}
