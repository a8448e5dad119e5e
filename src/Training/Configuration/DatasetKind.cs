using System.Text.Json.Serialization;

namespace OrtZero.Training;

/// <summary>What <c>data.train.type</c> may be.</summary>
public enum DatasetKind
{
    /// <summary>NumPy arrays, memory-mapped.</summary>
    [JsonStringEnumMemberName("npy")]
    Npy,
}
