namespace OrtZero.Sharding;

/// <summary>
/// The optimizer section of a configuration: what every parameter has unless a rule says otherwise. <see cref="For"/> gives the
/// defaults of an optimizer; options that it does not have are not looked at.
/// </summary>
public sealed record OptimizerSettings
{
    /// <summary>The names of all optimizers.</summary>
    public static IReadOnlyList<string> Types { get; } = ["AdamW", "Adam", "SGD", "RMSprop", "Adagrad", "Lion", "LAMB", "Adafactor", "Muon"];

    /// <summary>The optimizer's name as PyTorch and MMEngine spell it.</summary>
    public string Type { get; init; } = "AdamW";

    /// <summary>Base learning rate, finite and not negative.</summary>
    public double LearningRate { get; init; } = 1e-3;

    /// <summary>
    /// Base weight decay. Null means that none was given: <see cref="EffectiveWeightDecay"/> applies and multipliers of the
    /// decay are refused, because there is nothing they would multiply.
    /// </summary>
    public double? WeightDecay { get; init; }

    /// <summary>Decay rate of the first moment, in [0, 1).</summary>
    public double Beta1 { get; init; } = 0.9;

    /// <summary>Decay rate of the second moment, in [0, 1).</summary>
    public double Beta2 { get; init; } = 0.999;

    /// <summary>Added to the root of the second moment.</summary>
    public double Epsilon { get; init; } = 1e-8;

    /// <summary>Whether AdamW divides its moments by what their start at zero takes from them.</summary>
    public bool CorrectBias { get; init; } = true;

    /// <summary>
    /// Whether AdamW follows Hugging Face's order, which official training artifacts use, instead of PyTorch's: epsilon is added to the
    /// root before it is corrected, w -= lr·√(1-β₂ᵗ)/(1-β₁ᵗ)·m/(√v+ε), and the decay w -= lr·decay·w comes after it.
    /// </summary>
    public bool DecayAfterUpdate { get; init; }

    /// <summary>What remains of SGD's, RMSprop's and Muon's buffer at each update, in [0, 1).</summary>
    public double Momentum { get; init; }

    /// <summary>Whether the optimizer has a momentum of that name; schedules of the momentum move it, else Adam's beta1.</summary>
    public bool HasMomentum => Type is "SGD" or "RMSprop" or "Muon";

    /// <summary>What of a gradient does not enter SGD's buffer, in [0, 1].</summary>
    public double Dampening { get; init; }

    /// <summary>Whether SGD and Muon look ahead.</summary>
    public bool Nesterov { get; init; }

    /// <summary>Decay rate of RMSprop's averages, in [0, 1).</summary>
    public double Alpha { get; init; } = 0.99;

    /// <summary>Whether RMSprop takes the square of the average gradient off.</summary>
    public bool Centered { get; init; }

    /// <summary>How fast Adagrad's rate falls with the number of updates.</summary>
    public double LearningRateDecay { get; init; }

    /// <summary>What Adagrad's sums begin with.</summary>
    public double InitialAccumulatorValue { get; init; }

    /// <summary>Adafactor's second moment takes in t^Beta2Decay of the square at update t; not positive.</summary>
    public double Beta2Decay { get; init; } = -0.8;

    /// <summary>The least root of Adafactor's second moment; null for float32's epsilon, 2^-23.</summary>
    public double? Epsilon1 { get; init; }

    /// <summary>The least root mean square of a parameter in the size of Adafactor's step.</summary>
    public double Epsilon2 { get; init; } = 1e-3;

    /// <summary><see cref="Epsilon1"/> with its default filled in.</summary>
    public double EffectiveEpsilon1 => Epsilon1 ?? Math.ScaleB(1, -23);

    /// <summary>The root mean square to which Adafactor clips a direction, above 0.</summary>
    public double ClipThreshold { get; init; } = 1;

    /// <summary>The iterations of Muon's orthogonalization, at least 1.</summary>
    public int NewtonSchulzSteps { get; init; } = 5;

    /// <summary>How Muon scales a step by the shape of the weight: "match_rms_adamw" or "original".</summary>
    public string AdjustLearningRate { get; init; } = "match_rms_adamw";

    /// <summary><see cref="WeightDecay"/>, else what PyTorch's optimizer of that name uses: 0.01 for AdamW, 0.1 for Muon, 0 for the
    /// others.</summary>
    public double EffectiveWeightDecay => WeightDecay ?? Type switch { "AdamW" => 0.01, "Muon" => 0.1, _ => 0 };

    /// <summary>The settings an optimizer has when only its name is given: PyTorch's, for LAMB and Lion those of the papers' code.</summary>
    /// <param name="type">One of <see cref="Types"/>.</param>
    public static OptimizerSettings For(string type) => type switch
    {
        "Adagrad" => new OptimizerSettings { Type = type, Epsilon = 1e-10 },
        "Lion" => new OptimizerSettings { Type = type, Beta2 = 0.99 },
        "LAMB" => new OptimizerSettings { Type = type, Epsilon = 1e-6 },
        "Muon" => new OptimizerSettings { Type = type, Momentum = 0.95, Nesterov = true },
        _ => new OptimizerSettings { Type = type },
    };
}
