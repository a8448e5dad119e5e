using OrtZero.Sharding;
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
    /// Kinds of parameters without weight decay, found from the graph; "bias" takes the shifts of norms too. Unlike the
    /// multipliers above it holds under custom_keys and groups as well, unless they set the decay themselves. Default: none.
    /// </summary>
    public IReadOnlyList<ParameterKind> NoDecayKinds { get; init; } = [];

    /// <summary>Parameters with so many axes or fewer have no weight decay, in the same way. Null: no such rule.</summary>
    [Limits(AtLeast = 0)]
    public int? NoDecayMaxNdim { get; init; }

    /// <summary>
    /// Groups by glob, regular expression, kind or number of axes. The first entry a parameter fits takes it, before any custom
    /// key; an entry that fits no parameter is an error. Default: none.
    /// </summary>
    public IReadOnlyList<GroupSection> Groups { get; init; } = [];

    /// <summary>Rates that fall layer by layer, on top of everything else; the first entry whose prefix fits counts. Default: none.</summary>
    public IReadOnlyList<LayerDecaySection> LayerDecay { get; init; } = [];

    /// <summary>
    /// Settings for parameters whose name contains the key; the longest matching key wins, then the alphabetically first.
    /// Default: none.
    /// </summary>
    public IReadOnlyDictionary<string, CustomKeySection> CustomKeys { get; init; } = new Dictionary<string, CustomKeySection>();
}
