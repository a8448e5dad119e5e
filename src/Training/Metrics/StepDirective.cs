namespace OrtZero.Training;

/// <summary>What an observer asks of the loop.</summary>
public enum StepDirective
{
    /// <summary>Go on.</summary>
    Run,

    /// <summary>Save a checkpoint after this update, then go on.</summary>
    Checkpoint,

    /// <summary>Save a checkpoint after this update, then stop.</summary>
    Stop,
}
