namespace OrtZero.Training;

/// <summary>Ranks were started that cannot train together. Every rank throws it at the same place.</summary>
public sealed class RankMismatchException : Exception
{
    /// <summary>Says which ranks differ, in what, and the fix.</summary>
    public RankMismatchException(string message)
        : base(message)
    {
    }

    /// <summary>Says which ranks differ, and why.</summary>
    public RankMismatchException(string message, Exception innerException)
        : base(message, innerException)
    {
    }

    /// <summary>Says only that ranks differ.</summary>
    public RankMismatchException()
        : base("Ranks that differ cannot train together.")
    {
    }
}
