using System.Text.Json.Serialization;
using OrtZero.Training.Internal;

namespace OrtZero.Training;

/// <summary>
/// The <c>optim_wrapper.optimizer</c> section. An option that the chosen type does not have is a mistake; which has which, and with
/// what defaults, is told in docs/optimizers.md.
/// </summary>
public sealed record OptimizerSection
{
    /// <summary>The algorithm. Required.</summary>
    public required OptimizerKind Type { get; init; }

    /// <summary>The learning rate that multipliers and schedules start from. Required.</summary>
    [Limits(AtLeast = 0)]
    public required double Lr { get; init; }

    /// <summary>
    /// The decay rates of the first and second moment, for Lion those of step and momentum. Null: [0.9, 0.999], for Lion
    /// [0.9, 0.99].
    /// </summary>
    [Limits(AtLeast = 0, Below = 1)]
    public Betas? Betas { get; init; }

    /// <summary>Added to the denominator. Null: 1e-8, for Adagrad 1e-10, for LAMB 1e-6.</summary>
    [Limits(AtLeast = 0)]
    public double? Eps { get; init; }

    /// <summary>
    /// Weight decay: decoupled for AdamW and Lion, part of the direction for LAMB, added to the gradient for the others. Null:
    /// 0.01 for AdamW and else 0, and, as in MMEngine, no decay multiplier may be used, for there is nothing written to multiply.
    /// </summary>
    [Limits(AtLeast = 0)]
    public double? WeightDecay { get; init; }

    /// <summary>What remains of the momentum buffer at each update, for SGD and RMSprop. Null: 0, no buffer.</summary>
    [Limits(AtLeast = 0, Below = 1)]
    public double? Momentum { get; init; }

    /// <summary>What of a gradient does not enter SGD's momentum buffer. Null: 0.</summary>
    [Limits(AtLeast = 0, AtMost = 1)]
    public double? Dampening { get; init; }

    /// <summary>Whether SGD uses Nesterov's momentum. Null: false.</summary>
    public bool? Nesterov { get; init; }

    /// <summary>Decay rate of RMSprop's average square. Null: 0.99.</summary>
    [Limits(AtLeast = 0, Below = 1)]
    public double? Alpha { get; init; }

    /// <summary>Whether RMSprop divides by an estimate of the variance rather than of the square. Null: false.</summary>
    public bool? Centered { get; init; }

    /// <summary>Adagrad's rate at update t is lr / (1 + (t - 1) * lr_decay). Null: 0.</summary>
    [Limits(AtLeast = 0)]
    public double? LrDecay { get; init; }

    /// <summary>What Adagrad's sums of squares begin with. Null: 0.</summary>
    [Limits(AtLeast = 0)]
    public double? InitialAccumulatorValue { get; init; }
}
