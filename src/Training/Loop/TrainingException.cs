namespace OrtZero.Training;

/// <summary>Training cannot go on.</summary>
public sealed class TrainingException : Exception
{
    /// <summary>Says what happened at which iteration, and the fix.</summary>
    public TrainingException(string message)
        : base(message)
    {
    }

    /// <summary>Says what happened, and why.</summary>
    public TrainingException(string message, Exception innerException)
        : base(message, innerException)
    {
    }

    /// <summary>Says only that training cannot go on.</summary>
    public TrainingException()
        : base("Training cannot go on.")
    {
    }
}
