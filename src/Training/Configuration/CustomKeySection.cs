using OrtZero.Training.Internal;

namespace OrtZero.Training;

/// <summary>One entry of <c>optim_wrapper.paramwise_cfg.custom_keys</c>, and the settings of an entry of <c>groups</c>.</summary>
public record CustomKeySection
{
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

    /// <summary>Momentum, for an optimizer that has an option of that name. Null: the optimizer's.</summary>
    [Limits(AtLeast = 0, Below = 1)]
    public double? Momentum { get; init; }

    /// <summary>Whether Muon may have the parameter; false leaves it to AdamW, which is usual for output layers. Null: true.</summary>
    public bool? UseMuon { get; init; }
}
