namespace OrtZero.Training;

/// <summary>Data cannot be used: the message names the file, the sample and value where there is one, and the fix.</summary>
public sealed class DataException : Exception
{
    /// <summary>Says what is wrong.</summary>
    public DataException(string message)
        : base(message)
    {
    }

    /// <summary>Says what is wrong and what made it known.</summary>
    public DataException(string message, Exception innerException)
        : base(message, innerException)
    {
    }
}
