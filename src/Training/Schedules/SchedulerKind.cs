namespace OrtZero.Training;

/// <summary>The schedules, named as MMEngine and DeepSpeed name them.</summary>
public enum SchedulerKind
{
    /// <summary>From a fraction of the rate to another in equal steps; the usual warmup.</summary>
    LinearLR,

    /// <summary>A fraction of the rate until the end of the window.</summary>
    ConstantLR,

    /// <summary>Multiplies the rate by gamma at every step.</summary>
    ExponentialLR,

    /// <summary>Multiplies the rate by gamma every step_size steps.</summary>
    StepLR,

    /// <summary>Multiplies the rate by gamma at the milestones.</summary>
    MultiStepLR,

    /// <summary>Half a cosine wave down to eta_min.</summary>
    CosineAnnealingLR,

    /// <summary>Cosine waves that begin again from a weighted rate.</summary>
    CosineRestartLR,

    /// <summary>A polynomial down to eta_min.</summary>
    PolyLR,

    /// <summary>Up to eta_max and down again.</summary>
    OneCycleLR,

    /// <summary>Lowers the rate when a validation metric stops improving.</summary>
    ReduceOnPlateauLR,

    /// <summary>DeepSpeed's: from a fraction of the rate to the rate, then constant.</summary>
    WarmupLR,

    /// <summary>DeepSpeed's: from a fraction of the rate to the rate, then in equal steps to that fraction again.</summary>
    WarmupDecayLR,

    /// <summary>DeepSpeed's: from a fraction of the rate to the rate, then half a cosine wave down.</summary>
    WarmupCosineLR,

    /// <summary>Warmup, stable, decay: a linear warmup, the rate itself, and a fall over the last steps.</summary>
    WSD,

    /// <summary><see cref="LinearLR"/> for the momentum: beta1 of Adam and its kin.</summary>
    LinearMomentum,

    /// <summary><see cref="LinearLR"/> for the weight decay.</summary>
    LinearWeightDecay,

    /// <summary><see cref="LinearLR"/> for what <c>param_name</c> names.</summary>
    LinearParamScheduler,

    /// <summary><see cref="ConstantLR"/> for the momentum: beta1 of Adam and its kin.</summary>
    ConstantMomentum,

    /// <summary><see cref="ConstantLR"/> for the weight decay.</summary>
    ConstantWeightDecay,

    /// <summary><see cref="ConstantLR"/> for what <c>param_name</c> names.</summary>
    ConstantParamScheduler,

    /// <summary><see cref="ExponentialLR"/> for the momentum: beta1 of Adam and its kin.</summary>
    ExponentialMomentum,

    /// <summary><see cref="ExponentialLR"/> for the weight decay.</summary>
    ExponentialWeightDecay,

    /// <summary><see cref="ExponentialLR"/> for what <c>param_name</c> names.</summary>
    ExponentialParamScheduler,

    /// <summary><see cref="StepLR"/> for the momentum: beta1 of Adam and its kin.</summary>
    StepMomentum,

    /// <summary><see cref="StepLR"/> for the weight decay.</summary>
    StepWeightDecay,

    /// <summary><see cref="StepLR"/> for what <c>param_name</c> names.</summary>
    StepParamScheduler,

    /// <summary><see cref="MultiStepLR"/> for the momentum: beta1 of Adam and its kin.</summary>
    MultiStepMomentum,

    /// <summary><see cref="MultiStepLR"/> for the weight decay.</summary>
    MultiStepWeightDecay,

    /// <summary><see cref="MultiStepLR"/> for what <c>param_name</c> names.</summary>
    MultiStepParamScheduler,

    /// <summary><see cref="CosineAnnealingLR"/> for the momentum: beta1 of Adam and its kin.</summary>
    CosineAnnealingMomentum,

    /// <summary><see cref="CosineAnnealingLR"/> for the weight decay.</summary>
    CosineAnnealingWeightDecay,

    /// <summary><see cref="CosineAnnealingLR"/> for what <c>param_name</c> names.</summary>
    CosineAnnealingParamScheduler,

    /// <summary><see cref="CosineRestartLR"/> for the momentum: beta1 of Adam and its kin.</summary>
    CosineRestartMomentum,

    /// <summary><see cref="CosineRestartLR"/> for the weight decay.</summary>
    CosineRestartWeightDecay,

    /// <summary><see cref="CosineRestartLR"/> for what <c>param_name</c> names.</summary>
    CosineRestartParamScheduler,

    /// <summary><see cref="PolyLR"/> for the momentum: beta1 of Adam and its kin.</summary>
    PolyMomentum,

    /// <summary><see cref="PolyLR"/> for the weight decay.</summary>
    PolyWeightDecay,

    /// <summary><see cref="PolyLR"/> for what <c>param_name</c> names.</summary>
    PolyParamScheduler,

    /// <summary><see cref="OneCycleLR"/> for what <c>param_name</c> names.</summary>
    OneCycleParamScheduler,

    /// <summary><see cref="ReduceOnPlateauLR"/> for the momentum: beta1 of Adam and its kin.</summary>
    ReduceOnPlateauMomentum,

    /// <summary><see cref="ReduceOnPlateauLR"/> for the weight decay.</summary>
    ReduceOnPlateauWeightDecay,

    /// <summary><see cref="ReduceOnPlateauLR"/> for what <c>param_name</c> names.</summary>
    ReduceOnPlateauParamScheduler,
}
