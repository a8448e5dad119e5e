using OrtZero.Coordinator.Protocol;

namespace OrtZero.Coordinator.Internal;

/// <summary>One run as its ranks have told it. <see cref="RunRegistry"/> guards it.</summary>
internal sealed class RunRecord(RegisterRequest first, long nowMs, int historyCapacity)
{
    private readonly SortedDictionary<int, RankEntry> _ranks = [];
    private readonly Queue<Metrics> _history = new();
    private readonly List<Directive> _directives = [];
    private int _historyRank = int.MaxValue;

    public string SessionId { get; } = Guid.NewGuid().ToString("N");

    public string RunId { get; } = first.RunId;

    public int WorldSize { get; } = first.WorldSize;

    public int RankCount => _ranks.Count;

    public int DirectiveCount => _directives.Count;

    /// <summary>Whether some rank trains, as far as is known.</summary>
    public bool IsActive => _ranks.Values.Any(rank => rank.State == RankState.Running);

    private long EndedMs { get; set; }

    public RunState State
    {
        get
        {
            var states = _ranks.Values.Select(rank => rank.State).ToHashSet();
            var isComplete = _ranks.Count == WorldSize;
            return states.Contains(RankState.Failed) ? RunState.Failed
                : states.Contains(RankState.Lost) ? RunState.Lost
                : !isComplete ? RunState.Waiting
                : states.Contains(RankState.Running) ? RunState.Running
                : states.Contains(RankState.Stopped) ? RunState.Stopped
                : RunState.Completed;
        }
    }

    public RankEntry? Find(int rank) => _ranks.GetValueOrDefault(rank);

    /// <summary>Why this rank cannot belong to the run, as one sentence with the fix; null when it can.</summary>
    public string? Disagreement(RegisterRequest request)
    {
        if (_ranks.Count == 0)
        {
            return null;
        }

        var newcomer = RankEntry.Describe(request.Rank, request.Host, request.ProcessId);
        var others = _ranks.Values.First(rank => rank.Rank != request.Rank || _ranks.Count == 1).Name;
        return request.WorldSize != WorldSize
            ? $"{Upper(newcomer)} disagrees in the world size: it counts {request.WorldSize} ranks and {others} counts {WorldSize}; "
                + "start all ranks with one mpiexec."
            : request.ConfigurationHash != first.ConfigurationHash
            ? $"{Upper(newcomer)} disagrees in the configuration hash: it has {Short(request.ConfigurationHash)} and {others} has "
                + $"{Short(first.ConfigurationHash)}; start every rank with the same configuration file and --set values."
            : request.ModelHash != first.ModelHash
            ? $"{Upper(newcomer)} disagrees in the model hash: it has {Short(request.ModelHash)} and {others} has "
                + $"{Short(first.ModelHash)}; give every rank the same model file."
            : null;
    }

    public RankEntry Add(RegisterRequest request, long now)
    {
        var entry = new RankEntry { Rank = request.Rank, Host = request.Host, ProcessId = request.ProcessId, RegisteredMs = now };
        _ranks.Add(request.Rank, entry);
        EndedMs = 0;
        return entry;
    }

    public void AddMetrics(RankEntry rank, Metrics metrics)
    {
        rank.LastMetrics = metrics;
        if (rank.Rank > _historyRank)
        {
            return;
        }

        if (rank.Rank < _historyRank)
        {
            _history.Clear();
            _historyRank = rank.Rank;
        }

        if (_history.Count == historyCapacity)
        {
            _history.Dequeue();
        }

        _history.Enqueue(metrics);
    }

    /// <summary>Asks for something; asking again for what rank 0 has not taken yet changes nothing.</summary>
    public Directive AddDirective(DirectiveKind kind, string requestedBy, long now)
    {
        if (Pending().LastOrDefault() is { } last && last.Kind == kind)
        {
            return last;
        }

        var directive = new Directive { Sequence = _directives.Count + 1, Kind = kind, RequestedBy = requestedBy, RequestedUnixMs = now };
        _directives.Add(directive);
        return directive;
    }

    /// <summary>The directives that a rank has to be told.</summary>
    public IEnumerable<Directive> DirectivesFor(RankEntry rank) => rank.Rank == 0 ? Pending() : [];

    /// <summary>Ranks that have been silent for too long are lost. Whether that changed anything.</summary>
    public bool Sweep(TimeProvider clock, TimeSpan lostAfter, long now)
    {
        var changed = false;
        foreach (var rank in _ranks.Values)
        {
            if (rank.State == RankState.Running && clock.GetElapsedTime(rank.LastSeenTimestamp) > lostAfter)
            {
                rank.State = RankState.Lost;
                changed = true;
            }
        }

        return UpdateEnd(now) || changed;
    }

    public bool UpdateEnd(long now)
    {
        var hasEnded = _ranks.Count > 0 && !IsActive;
        if (hasEnded == (EndedMs != 0))
        {
            return false;
        }

        EndedMs = hasEnded ? now : 0;
        return true;
    }

    public RunStatus ToStatus(int historyLimit)
    {
        var status = new RunStatus
        {
            State = State,
            RunId = RunId,
            SessionId = SessionId,
            WorldSize = WorldSize,
            ConfigurationHash = first.ConfigurationHash,
            ModelHash = first.ModelHash,
            Description = first.Description,
            StartedUnixMs = nowMs,
            EndedUnixMs = EndedMs,
            LastMetrics = _history.LastOrDefault(),
            LastValidation = _ranks.Values.Select(rank => rank.LastValidation).FirstOrDefault(validation => validation is not null),
        };
        status.Ranks.Add(_ranks.Values.Select(rank => rank.ToStatus()));
        status.History.Add(historyLimit < 0 ? _history : _history.TakeLast(historyLimit));
        status.PendingDirectives.Add(Pending());
        return status;
    }

    private static string Upper(string sentence) => char.ToUpperInvariant(sentence[0]) + sentence[1..];

    private static string Short(string hash) => hash.Length > 12 ? hash[..12] : hash.Length == 0 ? "none" : hash;

    private IEnumerable<Directive> Pending() => _directives.Skip((int)(Find(0)?.Acknowledged ?? 0));
}
