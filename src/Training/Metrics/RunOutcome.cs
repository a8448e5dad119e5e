using System.Text.Json.Serialization;

namespace OrtZero.Training;

/// <summary>How a run ended.</summary>
public enum RunOutcome
{
    /// <summary>It did all its iterations.</summary>
    [JsonStringEnumMemberName("completed")]
    Completed,

    /// <summary>A signal or the coordinator stopped it after saving a checkpoint.</summary>
    [JsonStringEnumMemberName("stopped")]
    Stopped,

    /// <summary>It failed.</summary>
    [JsonStringEnumMemberName("failed")]
    Failed,
}
