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

    /// <summary>
    /// Added to the denominator. Null: 1e-8, for Adagrad 1e-10, for LAMB 1e-6. Adafactor takes a list of two: the least root of the
    /// second moment (null: float32's 1.19e-7) and the least root mean square of a parameter in the size of a step; null means
    /// [null, 1e-3].
    /// </summary>
    [Limits(AtLeast = 0)]
    public Epsilons? Eps { get; init; }

    /// <summary>
    /// Weight decay: decoupled for AdamW, Lion, Adafactor and Muon, part of the direction for LAMB, added to the gradient for the others. Null:
    /// 0.01 for AdamW, 0.1 for Muon and else 0, and, as in MMEngine, no decay multiplier may be used, for there is nothing written to multiply.
    /// </summary>
    [Limits(AtLeast = 0)]
    public double? WeightDecay { get; init; }

    /// <summary>What remains of the momentum buffer at each update, for SGD, RMSprop and Muon. Null: 0, no buffer; for Muon 0.95.</summary>
    [Limits(AtLeast = 0, Below = 1)]
    public double? Momentum { get; init; }

    /// <summary>What of a gradient does not enter SGD's momentum buffer. Null: 0.</summary>
    [Limits(AtLeast = 0, AtMost = 1)]
    public double? Dampening { get; init; }

    /// <summary>Whether SGD and Muon use Nesterov's momentum. Null: false, for Muon true.</summary>
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

    /// <summary>Adafactor's second moment takes in t^beta2_decay of the square at update t. Null: -0.8.</summary>
    [Limits(AtMost = 0)]
    public double? Beta2Decay { get; init; }

    /// <summary>The root mean square to which Adafactor clips a direction. Null: 1.</summary>
    [Limits(Above = 0)]
    public double? D { get; init; }

    /// <summary>The Newton-Schulz iterations of Muon. Null: 5.</summary>
    [Limits(AtLeast = 1, AtMost = 99)]
    public int? NsSteps { get; init; }

    /// <summary>
    /// What a step of Muon is multiplied by: "match_rms_adamw" by 0.2 sqrt(max(rows, columns)), so that AdamW's rates suit it;
    /// "original" by sqrt(max(1, rows / columns)) of the weight as the model stores it. Null: "match_rms_adamw".
    /// </summary>
    public MuonRate? AdjustLrFn { get; init; }

    /// <summary>The optimizer of official training artifacts, where these settings were read from there. Not a key.</summary>
    [System.Text.Json.Serialization.JsonIgnore]
    public Autograd.OfficialOptimizer? Official { get; init; }
}
