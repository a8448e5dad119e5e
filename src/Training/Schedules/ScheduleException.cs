namespace OrtZero.Training;

/// <summary>A schedule that cannot run, or a saved state that does not fit; the message names the key and the fix.</summary>
public sealed class ScheduleException : Exception
{
    /// <summary>Creates the error.</summary>
    public ScheduleException(string message)
        : base(message)
    {
    }

    /// <summary>Creates the error with its cause.</summary>
    public ScheduleException(string message, Exception innerException)
        : base(message, innerException)
    {
    }

    /// <summary>Creates an error without a message.</summary>
    public ScheduleException()
    {
    }
}
