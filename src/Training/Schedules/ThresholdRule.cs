using System.Text.Json.Serialization;

namespace OrtZero.Training;

/// <summary>What the threshold of an improvement is measured by.</summary>
public enum ThresholdRule
{
    /// <summary>A fraction of the best metric so far.</summary>
    [JsonStringEnumMemberName("rel")]
    Relative,

    /// <summary>The metric's own unit.</summary>
    [JsonStringEnumMemberName("abs")]
    Absolute,
}
