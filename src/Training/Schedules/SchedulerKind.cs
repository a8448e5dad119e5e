namespace OrtZero.Training;

/// <summary>The learning-rate schedules, named as MMEngine names them.</summary>
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
}
