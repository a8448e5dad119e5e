using Microsoft.Extensions.Logging;
using OrtZero.Coordinator.Protocol;

namespace OrtZero.Coordinator.Internal;

/// <summary>What the coordinator remembers, and its rules. Nothing of it touches the network. Safe for many threads.</summary>
internal sealed class RunRegistry(TimeProvider clock, TimeSpan lostAfter, int historyCapacity, ILogger logger)
{
    private readonly Lock _lock = new();
    private RunRecord? _run;
    private long _version;

    /// <summary>Pulsed after every change.</summary>
    public ChangeSignal Changed { get; } = new();

    private long NowMs => clock.GetUtcNow().ToUnixTimeMilliseconds();

    /// <exception cref="RpcException">The rank cannot join; see coordinator.proto.</exception>
    public RegisterReply Register(RegisterRequest request)
    {
        if (request.RunId.Length == 0 || request.WorldSize < 1 || request.Rank < 0 || request.Rank >= request.WorldSize)
        {
            throw new RpcException(
                RpcStatusCode.InvalidArgument,
                $"Rank {request.Rank} of {request.WorldSize} in run '{request.RunId}' makes no sense: "
                + "ranks count from 0 below the world size, and a run has a name.");
        }

        RegisterReply reply;
        lock (_lock)
        {
            _run?.Sweep(clock, lostAfter, NowMs);
            var run = RunFor(request);
            var entry = run.Find(request.Rank);
            if (entry is null)
            {
                entry = run.Add(request, NowMs);
                CoordinatorLog.RankRegistered(logger, entry.Name, run.RunId, run.RankCount, run.WorldSize);
            }
            else if (entry.State == RankState.Lost)
            {
                entry.State = RankState.Running;
                CoordinatorLog.RankReturned(logger, entry.Name);
            }

            Touch(run, entry);
            reply = new RegisterReply
            {
                SessionId = run.SessionId,
                LastReportSequence = entry.LastSequence,
                RegisteredRanks = run.RankCount,
            };
        }

        Changed.Pulse();
        return reply;
    }

    /// <exception cref="RpcException">NOT_FOUND: the rank has to register.</exception>
    public ReportReply Report(ReportRequest request)
    {
        var reply = new ReportReply();
        lock (_lock)
        {
            var (run, entry) = Find(request.SessionId, request.Rank);
            if (entry.State == RankState.Lost)
            {
                entry.State = RankState.Running;
                CoordinatorLog.RankReturned(logger, entry.Name);
            }

            Touch(run, entry);
            var now = NowMs;
            var last = entry.LastSequence;
            foreach (var metrics in request.Metrics.Where(metrics => metrics.Sequence > last))
            {
                metrics.ReceivedUnixMs = now;
                run.AddMetrics(entry, metrics);
                entry.LastSequence = Math.Max(entry.LastSequence, metrics.Sequence);
            }

            foreach (var validation in request.Validations.Where(validation => validation.Sequence > last))
            {
                validation.ReceivedUnixMs = now;
                entry.LastValidation = validation;
                entry.LastSequence = Math.Max(entry.LastSequence, validation.Sequence);
            }

            Acknowledge(run, entry, request.AcknowledgedDirective);
            reply.Directives.Add(run.DirectivesFor(entry));
        }

        Changed.Pulse();
        return reply;
    }

    /// <exception cref="RpcException">NOT_FOUND: the rank is not registered.</exception>
    public FinishReply Finish(FinishRequest request)
    {
        lock (_lock)
        {
            var (run, entry) = Find(request.SessionId, request.Rank);
            Touch(run, entry);
            Acknowledge(run, entry, request.AcknowledgedDirective);
            entry.Error = request.Error;
            entry.State = request.Outcome switch
            {
                RankOutcome.Completed => RankState.Completed,
                RankOutcome.Stopped => RankState.Stopped,
                RankOutcome.Failed => RankState.Failed,
                _ => throw new RpcException(RpcStatusCode.InvalidArgument, "The outcome must be completed, stopped or failed."),
            };
            run.UpdateEnd(NowMs);
            CoordinatorLog.RankFinished(logger, entry.Name, entry.State, entry.Error);
        }

        Changed.Pulse();
        return new FinishReply();
    }

    /// <exception cref="RpcException">FAILED_PRECONDITION: nothing runs. INVALID_ARGUMENT: the kind cannot be asked for.</exception>
    public DirectiveReply Request(DirectiveRequest request)
    {
        if (request.Kind is not (DirectiveKind.Checkpoint or DirectiveKind.Stop))
        {
            throw new RpcException(RpcStatusCode.InvalidArgument, $"The directive {request.Kind} cannot be asked for; ask for checkpoint or stop.");
        }

        DirectiveReply reply;
        lock (_lock)
        {
            _run?.Sweep(clock, lostAfter, NowMs);
            if (_run is not { IsActive: true } run)
            {
                throw new RpcException(RpcStatusCode.FailedPrecondition, "No run is going on here, so nobody would hear of the directive.");
            }

            var directive = run.AddDirective(request.Kind, request.RequestedBy, NowMs);
            CoordinatorLog.DirectiveRequested(logger, directive.Kind, directive.Sequence, directive.RequestedBy);
            reply = new DirectiveReply { Sequence = directive.Sequence };
        }

        Changed.Pulse();
        return reply;
    }

    /// <summary>The whole run, with at most that many intervals of its history (-1 for all).</summary>
    public RunStatus GetStatus(int historyLimit)
    {
        lock (_lock)
        {
            if (_run?.Sweep(clock, lostAfter, NowMs) == true)
            {
                _version++;
            }

            var status = _run?.ToStatus(historyLimit) ?? new RunStatus { State = RunState.NoRun };
            status.NowUnixMs = NowMs;
            status.Version = _version;

            // A copy: the messages inside are shared with later calls and must not be serialized while they change.
            return status.Clone();
        }
    }

    /// <summary>The run a rank belongs to: the present one, or a new one when nothing of the present one is alive.</summary>
    private RunRecord RunFor(RegisterRequest request)
    {
        if (_run is null)
        {
            return _run = new RunRecord(request, NowMs, historyCapacity);
        }

        var isSame = _run.RunId == request.RunId;
        var disagreement = isSame ? _run.Disagreement(request) : null;
        var occupant = isSame ? _run.Find(request.Rank) : null;
        var isTaken = occupant is not null
            && (!occupant.IsProcess(request.Host, request.ProcessId) || occupant.State is not (RankState.Running or RankState.Lost));
        if (isSame && disagreement is null && !isTaken)
        {
            return _run;
        }

        // A launch that crashed and was started again meets its own remains here; they count as long as they may be alive.
        if (!_run.IsActive)
        {
            return _run = new RunRecord(request, NowMs, historyCapacity);
        }

        if (disagreement is not null)
        {
            CoordinatorLog.RankRefused(logger, disagreement);
            throw new RpcException(RpcStatusCode.FailedPrecondition, disagreement);
        }

        throw new RpcException(RpcStatusCode.Aborted, isSame
            ? $"This coordinator already has {occupant!.Name} in run '{_run.RunId}'."
            : $"This coordinator follows run '{_run.RunId}', which is still going on.");
    }

    private (RunRecord Run, RankEntry Entry) Find(string sessionId, int rank) =>
        _run is { } run && run.SessionId == sessionId && run.Find(rank) is { } entry
            ? (run, entry)
            : throw new RpcException(RpcStatusCode.NotFound, $"Rank {rank} is not registered in this session; register first.");

    private void Touch(RunRecord run, RankEntry entry)
    {
        _version++;
        entry.LastSeenMs = NowMs;
        entry.LastSeenTimestamp = clock.GetTimestamp();
        run.UpdateEnd(NowMs);
    }

    private void Acknowledge(RunRecord run, RankEntry entry, long directive)
    {
        // A number from another session must not swallow directives of this one.
        if (directive > entry.Acknowledged && directive <= run.DirectiveCount)
        {
            entry.Acknowledged = directive;
            CoordinatorLog.DirectiveTaken(logger, directive, entry.Name);
        }
    }
}
