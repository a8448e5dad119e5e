using Microsoft.Extensions.Logging;

namespace OrtZero.Coordinator;

/// <summary>Where a coordinator listens and what it keeps.</summary>
public sealed class CoordinatorHostOptions
{
    /// <summary>
    /// The address to listen on: an IP address, a name of this machine, or "*" for all. Default 127.0.0.1. Whoever can reach it
    /// can stop the run: there is no authentication.
    /// </summary>
    public string Host { get; set; } = "127.0.0.1";

    /// <summary>The port. Default 0: any free one.</summary>
    public int Port { get; set; }

    /// <summary>How many log intervals are remembered. Default 10 000.</summary>
    public int HistoryCapacity { get; set; } = 10_000;

    /// <summary>How long a rank may be silent before it counts as lost. Default 15 s.</summary>
    public TimeSpan LostAfter { get; set; } = TimeSpan.FromSeconds(15);

    /// <summary>Where log messages go; null (the default) for nowhere.</summary>
    public ILoggerFactory? LoggerFactory { get; set; }

    /// <summary>The clock.</summary>
    public TimeProvider TimeProvider { get; set; } = TimeProvider.System;
}
