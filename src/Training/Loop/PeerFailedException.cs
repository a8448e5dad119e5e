namespace OrtZero.Training;

/// <summary>Another rank failed and reports it; this one only has to end.</summary>
public sealed class PeerFailedException : Exception
{
    /// <summary>Another rank failed.</summary>
    /// <param name="rank">The rank that reports the failure.</param>
    /// <param name="exitCode">The exit code it ends with.</param>
    /// <param name="message">What it reports.</param>
    public PeerFailedException(int rank, int exitCode, string message)
        : base($"Rank {rank} failed: {message}")
    {
        Rank = rank;
        ExitCode = exitCode;
    }

    /// <summary>Another rank failed.</summary>
    public PeerFailedException(string message)
        : base(message)
    {
    }

    /// <summary>Another rank failed.</summary>
    public PeerFailedException(string message, Exception innerException)
        : base(message, innerException)
    {
    }

    /// <summary>Another rank failed.</summary>
    public PeerFailedException()
        : base("Another rank failed.")
    {
    }

    /// <summary>The rank that reports the failure.</summary>
    public int Rank { get; }

    /// <summary>The exit code that rank ends with, and with it all.</summary>
    public int ExitCode { get; } = ExitCodes.Failed;
}
