namespace OrtZero.Coordinator;

/// <summary>The coordinator cannot be started; the message says why and what to do.</summary>
public sealed class CoordinatorException : Exception
{
    /// <summary>An exception with one sentence.</summary>
    public CoordinatorException(string message, Exception? innerException = null)
        : base(message, innerException)
    {
    }
}
