using System.Text.Json.Serialization;

namespace OrtZero.Training;

/// <summary>How OneCycleLR goes from one rate to the next.</summary>
public enum AnnealStrategy
{
    /// <summary>Half a cosine wave.</summary>
    [JsonStringEnumMemberName("cos")]
    Cosine,

    /// <summary>A straight line.</summary>
    [JsonStringEnumMemberName("linear")]
    Linear,
}
