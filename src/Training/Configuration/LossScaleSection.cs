using OrtZero.Training.Internal;

namespace OrtZero.Training;

/// <summary>
/// The <c>optim_wrapper.loss_scale</c> setting: "dynamic", a number (a constant scale), or an object with the keys below,
/// which are those of PyTorch's GradScaler.
/// </summary>
public sealed record LossScaleSection
{
    /// <summary>The first scale. Default: 65536.</summary>
    [Limits(Above = 0)]
    public double InitScale { get; init; } = 65536;

    /// <summary>The scale is multiplied by this after growth_interval updates without overflow. Default: 2.</summary>
    [Limits(Above = 1)]
    public double GrowthFactor { get; init; } = 2;

    /// <summary>The scale is multiplied by this after an overflow. Default: 0.5.</summary>
    [Limits(Above = 0, Below = 1)]
    public double BackoffFactor { get; init; } = 0.5;

    /// <summary>Updates without overflow before the scale grows. Default: 2000.</summary>
    [Limits(AtLeast = 1)]
    public int GrowthInterval { get; init; } = 2000;

    /// <summary>Whether the scale follows overflows; false when a number was given. Not a key.</summary>
    [System.Text.Json.Serialization.JsonIgnore]
    public bool Dynamic { get; init; } = true;
}
