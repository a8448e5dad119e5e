using System.Text.Json.Serialization;

namespace OrtZero.Training;

/// <summary>Which values of a monitored metric are better.</summary>
public enum PlateauRule
{
    /// <summary>Smaller ones, as for a loss.</summary>
    [JsonStringEnumMemberName("less")]
    Less,

    /// <summary>Greater ones, as for an accuracy.</summary>
    [JsonStringEnumMemberName("greater")]
    Greater,
}
