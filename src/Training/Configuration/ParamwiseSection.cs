using OrtZero.Training.Internal;

namespace OrtZero.Training;

/// <summary>
/// The <c>optim_wrapper.paramwise_cfg</c> section, with the rules of MMEngine's DefaultOptimWrapperConstructor. A multiplier
/// that is null leaves the optimizer's value as it is.
/// </summary>
public sealed record ParamwiseSection
{
    /// <summary>Multiplies the rate of biases, those of norms and deformable convolutions excepted. Null: 1.</summary>
    [Limits(AtLeast = 0)]
    public double? BiasLrMult { get; init; }

    /// <summary>Multiplies the weight decay of biases, those of norms and deformable convolutions excepted. Null: 1.</summary>
    [Limits(AtLeast = 0)]
    public double? BiasDecayMult { get; init; }

    /// <summary>Multiplies the weight decay of normalization layers. Null: 1.</summary>
    [Limits(AtLeast = 0)]
    public double? NormDecayMult { get; init; }

    /// <summary>Multiplies the weight decay of parameters with one axis. Null: 1.</summary>
    [Limits(AtLeast = 0)]
    public double? FlatDecayMult { get; init; }

    /// <summary>Multiplies the weight decay of depthwise convolutions. Null: 1.</summary>
    [Limits(AtLeast = 0)]
    public double? DwconvDecayMult { get; init; }

    /// <summary>Multiplies the rate of the offset layers of deformable convolutions. Null: 1.</summary>
    [Limits(AtLeast = 0)]
    public double? DcnOffsetLrMult { get; init; }

    /// <summary>Whether a parameter used several times is settled at its first use. Default: false.</summary>
    public bool BypassDuplicate { get; init; }

    /// <summary>
    /// Whether a custom key switches the rules by kind off for the parameters it matches, as MMEngine does. False: the rules by
    /// kind still apply to what the custom key does not set. Default: true.
    /// </summary>
    public bool CustomOverridesKinds { get; init; } = true;

    /// <summary>
    /// Settings for parameters whose name contains the key; the longest matching key wins, then the alphabetically first.
    /// Default: none.
    /// </summary>
    public IReadOnlyDictionary<string, CustomKeySection> CustomKeys { get; init; } = new Dictionary<string, CustomKeySection>();
}
