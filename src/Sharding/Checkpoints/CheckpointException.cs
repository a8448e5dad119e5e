namespace OrtZero.Sharding;

/// <summary>A checkpoint could not be written, or is damaged, incomplete or of another model. The message names the checkpoint,
/// the file or parameter, and the fix.</summary>
public sealed class CheckpointException : Exception
{
    /// <summary>Creates the exception with a message that names the thing and the fix.</summary>
    public CheckpointException(string message)
        : base(message)
    {
    }

    /// <summary>Creates the exception with a message and the failure that led to it.</summary>
    public CheckpointException(string message, Exception? innerException)
        : base(message, innerException)
    {
    }
}
