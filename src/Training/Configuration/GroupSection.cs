using OrtZero.Sharding;
using OrtZero.Training.Internal;

namespace OrtZero.Training;

/// <summary>
/// One entry of <c>optim_wrapper.paramwise_cfg.groups</c>. A parameter must fit every selector that is given (match, regex,
/// kinds, max_ndim); the first entry it fits takes it.
/// </summary>
public sealed record GroupSection
{
    /// <summary>What the group is called in logs. Null: its match or regex.</summary>
    public string? Name { get; init; }

    /// <summary>Selects by a part of the name or, with * (any text) or ? (one character), by a pattern of the whole name. Null: any.</summary>
    public string? Match { get; init; }

    /// <summary>Selects by a regular expression that matches somewhere in the name; no lookarounds or backreferences. Null: any.</summary>
    public string? Regex { get; init; }

    /// <summary>Selects by what the graph does with the parameter; "bias" takes the shifts of norms too. Null: any.</summary>
    public IReadOnlyList<ParameterKind>? Kinds { get; init; }

    /// <summary>Selects parameters with so many axes or fewer. Null: any.</summary>
    [Limits(AtLeast = 0)]
    public int? MaxNdim { get; init; }

    /// <summary>Multiplies the optimizer's rate. Null: 1.</summary>
    [Limits(AtLeast = 0)]
    public double? LrMult { get; init; }

    /// <summary>Multiplies the optimizer's weight decay. Null: 1.</summary>
    [Limits(AtLeast = 0)]
    public double? DecayMult { get; init; }

    /// <summary>The rate itself, instead of a multiple. Null: the multiple.</summary>
    [Limits(AtLeast = 0)]
    public double? Lr { get; init; }

    /// <summary>The weight decay itself, instead of a multiple. Null: the multiple.</summary>
    [Limits(AtLeast = 0)]
    public double? WeightDecay { get; init; }

    /// <summary>The decay rates of the moments. Null: the optimizer's.</summary>
    [Limits(AtLeast = 0, Below = 1)]
    public Betas? Betas { get; init; }

    /// <summary>Added to the denominator. Null: the optimizer's.</summary>
    [Limits(AtLeast = 0)]
    public double? Eps { get; init; }

    /// <summary>The momentum, for optimizers that have one of that name. Null: the optimizer's.</summary>
    [Limits(AtLeast = 0, Below = 1)]
    public double? Momentum { get; init; }

    /// <summary>Whether Muon may have the parameters; false leaves them to AdamW. Null: true.</summary>
    public bool? UseMuon { get; init; }
}
