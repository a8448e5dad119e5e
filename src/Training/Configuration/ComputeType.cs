using System.Text.Json.Serialization;

namespace OrtZero.Training;

/// <summary>What <c>optim_wrapper.dtype</c> may be.</summary>
public enum ComputeType
{
    /// <summary>32-bit floating point throughout.</summary>
    [JsonStringEnumMemberName("float32")]
    Float32,
}
