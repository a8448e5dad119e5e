namespace OrtZero.Autograd;

/// <summary>Official training artifacts cannot be read or written; the message names the file and what is wrong with it.</summary>
public sealed class ArtifactException : Exception
{
    /// <summary>Creates the exception.</summary>
    /// <param name="message">One sentence with the name of what is wrong and the fix.</param>
    public ArtifactException(string message)
        : base(message)
    {
    }

    /// <summary>Creates the exception with its cause.</summary>
    /// <param name="message">One sentence with the name of what is wrong and the fix.</param>
    /// <param name="innerException">What was noticed first.</param>
    public ArtifactException(string message, Exception innerException)
        : base(message, innerException)
    {
    }
}
