using System.Text.Json.Serialization;

namespace OrtZero.Training;

/// <summary>What a schedule changes.</summary>
public enum ScheduledParameter
{
    /// <summary>The learning rate.</summary>
    [JsonStringEnumMemberName("lr")]
    LearningRate,

    /// <summary>The momentum, which in Adam and its kin is the first of the betas.</summary>
    [JsonStringEnumMemberName("momentum")]
    Momentum,

    /// <summary>The weight decay.</summary>
    [JsonStringEnumMemberName("weight_decay")]
    WeightDecay,
}
