using System.Text.Json.Serialization;

namespace OrtZero.Training;

/// <summary>What <c>graph.label_sparsity</c> may be.</summary>
public enum LabelSparsityChoice
{
    /// <summary>Where it pays, by the labels that the data has.</summary>
    [JsonStringEnumMemberName("auto")]
    Auto,

    /// <summary>Always; an error where the model does not allow it.</summary>
    [JsonStringEnumMemberName("on")]
    On,

    /// <summary>Never.</summary>
    [JsonStringEnumMemberName("off")]
    Off,
}
