namespace OrtZero.Sharding;

/// <summary>
/// The <c>paramwise_cfg</c> of MMEngine's DefaultOptimWrapperConstructor. Null switches a rule off.
/// </summary>
public sealed record ParamwiseRules
{
    /// <summary>Multiplies the rate of parameters whose leaf name is "bias", except in norms and offset convolutions.</summary>
    public double? BiasLrMult { get; init; }

    /// <summary>Multiplies the decay of parameters whose leaf name is "bias", except in norms and offset convolutions.</summary>
    public double? BiasDecayMult { get; init; }

    /// <summary>Multiplies the decay of scale and shift of batch, instance, group and layer normalization.</summary>
    public double? NormDecayMult { get; init; }

    /// <summary>Multiplies the decay of one-dimensional parameters that no other decay rule took.</summary>
    public double? FlatDecayMult { get; init; }

    /// <summary>Multiplies the decay of weight and bias of two-dimensional depthwise convolutions.</summary>
    public double? DwconvDecayMult { get; init; }

    /// <summary>Multiplies the rate of the convolutions that compute the offsets of deformable convolutions.</summary>
    public double? DcnOffsetLrMult { get; init; }

    /// <summary>Whether a parameter listed twice is taken once with a warning rather than refused.</summary>
    public bool BypassDuplicate { get; init; }

    /// <summary>
    /// True, as in MMEngine: a custom key switches all other rules off for the parameters it matches, and RMS normalization is
    /// not a norm. False: the rules for norms, biases, depthwise convolutions and one-dimensional parameters multiply with
    /// what the key sets, RMS normalization is a norm, and a bias is what the graph adds, whatever its name.
    /// </summary>
    public bool CustomOverridesKinds { get; init; } = true;

    /// <summary>
    /// Kinds of parameters without weight decay; "bias" takes the shifts of norms too. Holds under custom keys, whatever
    /// <see cref="CustomOverridesKinds"/> says, unless the key sets the decay itself.
    /// </summary>
    public IReadOnlyList<ParameterKind> NoDecayKinds { get; init; } = [];

    /// <summary>Parameters with so many axes or fewer have no weight decay, as <see cref="NoDecayKinds"/>.</summary>
    public int? NoDecayMaxNdim { get; init; }

    /// <summary>Groups by pattern, kind or number of axes; the first that fits a parameter takes it, before any custom key.</summary>
    public IReadOnlyList<GroupRule> Groups { get; init; } = [];

    /// <summary>Layer-wise decay of the rate, on top of everything else; the first whose prefix fits a parameter counts.</summary>
    public IReadOnlyList<LayerDecayRule> LayerDecay { get; init; } = [];

    /// <summary>
    /// Settings by key. A key matches a parameter whose full name contains it; a parameter directly on the root is tested as
    /// ".name". The longest key that matches wins, the alphabetically first among keys of one length.
    /// </summary>
    public IReadOnlyDictionary<string, CustomKeyRule> CustomKeys { get; init; } = new Dictionary<string, CustomKeyRule>();
}
