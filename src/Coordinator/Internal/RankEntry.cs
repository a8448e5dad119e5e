using OrtZero.Coordinator.Protocol;

namespace OrtZero.Coordinator.Internal;

/// <summary>What the coordinator knows of one rank.</summary>
internal sealed class RankEntry
{
    public required int Rank { get; init; }

    public required string Host { get; init; }

    public required int ProcessId { get; init; }

    public required long RegisteredMs { get; init; }

    public RankState State { get; set; } = RankState.Running;

    /// <summary>By the wall clock, for display.</summary>
    public long LastSeenMs { get; set; }

    /// <summary>By the clock that never jumps, to tell whether the rank is lost.</summary>
    public long LastSeenTimestamp { get; set; }

    public long LastSequence { get; set; }

    public Metrics? LastMetrics { get; set; }

    public Validation? LastValidation { get; set; }

    public long Acknowledged { get; set; }

    public string Error { get; set; } = "";

    /// <summary>"rank 1 (host b, process 77)".</summary>
    public string Name => Describe(Rank, Host, ProcessId);

    public static string Describe(int rank, string host, int processId) => $"rank {rank} (host {host}, process {processId})";

    public bool IsProcess(string host, int processId) => ProcessId == processId && string.Equals(Host, host, StringComparison.Ordinal);

    public RankStatus ToStatus() => new()
    {
        Rank = Rank,
        Host = Host,
        ProcessId = ProcessId,
        State = State,
        RegisteredUnixMs = RegisteredMs,
        LastSeenUnixMs = LastSeenMs,
        LastMetrics = LastMetrics,
        AcknowledgedDirective = Acknowledged,
        Error = Error,
    };
}
