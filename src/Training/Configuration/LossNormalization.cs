using System.Text.Json.Serialization;

namespace OrtZero.Training;

/// <summary>What <c>model.loss.normalize</c> may be.</summary>
public enum LossNormalization
{
    /// <summary>A mean per micro-batch; the update averages those means.</summary>
    [JsonStringEnumMemberName("micro_batch")]
    MicroBatch,

    /// <summary>One mean over everything an update sees: sums over all its micro-batches and ranks, divided once by what they count.</summary>
    [JsonStringEnumMemberName("global")]
    Global,
}
