namespace OrtZero.Coordinator;

/// <summary>How a rank talks to its coordinator.</summary>
public sealed class CoordinatorClientOptions
{
    /// <summary>How often a rank without news gives a sign of life and asks for directives. Default 2 s.</summary>
    public TimeSpan HeartbeatInterval { get; set; } = TimeSpan.FromSeconds(2);

    /// <summary>How long one call may take. Default 5 s.</summary>
    public TimeSpan CallTimeout { get; set; } = TimeSpan.FromSeconds(5);

    /// <summary>The wait after a first failure; it doubles with each further one. Default 0.5 s.</summary>
    public TimeSpan InitialBackoff { get; set; } = TimeSpan.FromMilliseconds(500);

    /// <summary>The longest wait between two attempts. Default 30 s.</summary>
    public TimeSpan MaxBackoff { get; set; } = TimeSpan.FromSeconds(30);

    /// <summary>How many reports are kept while the coordinator is away; the oldest go first. Default 4096.</summary>
    public int QueueCapacity { get; set; } = 4096;

    /// <summary>How long the end of a run waits for the last reports to leave. Default 2 s.</summary>
    public TimeSpan FinishTimeout { get; set; } = TimeSpan.FromSeconds(2);

    /// <summary>The clock of the waits.</summary>
    public TimeProvider TimeProvider { get; set; } = TimeProvider.System;

    /// <summary>Spreads the waits, so that the ranks do not all come back at once; values in [0, 1).</summary>
    public Func<double> Jitter { get; set; } = Random.Shared.NextDouble;
}
