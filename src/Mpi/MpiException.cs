namespace OrtZero.Mpi;

/// <summary>A failure of MPI or of its setup. The message is one sentence that names the cause and the fix.</summary>
public sealed class MpiException : Exception
{
    /// <summary>Creates the exception.</summary>
    /// <param name="error">What kind of failure it is.</param>
    /// <param name="message">The sentence for the user.</param>
    /// <param name="innerException">The cause, where there is one.</param>
    public MpiException(MpiError error, string message, Exception? innerException = null)
        : base(message, innerException) => Error = error;

    /// <summary>What kind of failure it is.</summary>
    public MpiError Error { get; }
}
