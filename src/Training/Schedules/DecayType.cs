using System.Text.Json.Serialization;

namespace OrtZero.Training;

/// <summary>How WSD falls at its end; p goes from 0 to 1 over the decay.</summary>
public enum DecayType
{
    /// <summary>1 - p.</summary>
    [JsonStringEnumMemberName("linear")]
    Linear,

    /// <summary>(1 + cos(pi p)) / 2.</summary>
    [JsonStringEnumMemberName("cosine")]
    Cosine,

    /// <summary>1 - sqrt(p).</summary>
    [JsonStringEnumMemberName("1-sqrt")]
    OneMinusSqrt,
}
