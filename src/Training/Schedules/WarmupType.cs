using System.Text.Json.Serialization;

namespace OrtZero.Training;

/// <summary>How DeepSpeed's schedules warm up.</summary>
public enum WarmupType
{
    /// <summary>By the logarithm of the step: steep first.</summary>
    [JsonStringEnumMemberName("log")]
    Log,

    /// <summary>In equal steps.</summary>
    [JsonStringEnumMemberName("linear")]
    Linear,
}
